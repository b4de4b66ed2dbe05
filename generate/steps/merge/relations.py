"""Phrases that were found in the picture, brought together with the objects that are there already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from labelyard.generate.record import Box, Instance
from labelyard.generate.roles import LABELS, floats, labels_of, set_role

SAME = 0.75  # IoU of pixels above which a phrase's box is an object's


@dataclass(frozen=True)
class Grounded:
    """A phrase with the place that it was found at."""

    phrase: str
    noun: str
    box: Box
    score: float


@dataclass
class Relation:
    phrase: str
    numbers: list[int] = field(default_factory=list)  # of instances, each once


def relate(instances: list[Instance], grounded: Sequence[Grounded]) -> list[Relation]:
    """Which instances each phrase speaks of. One that speaks of none makes a floating one, behind the others; a
    floating one that is spoken of gets the noun as a vote, each time."""
    relations: dict[str, Relation] = {}
    for one in grounded:
        phrase = normal(one.phrase)
        met = _first_of_each_role(instances, one.box)
        for number in met:
            if floats(instances[number]):
                instances[number].extra[LABELS] = [*labels_of(instances[number]), one.noun]
        if not met:
            made = Instance(one.box, one.score, phrase, extra={LABELS: [phrase]})
            set_role(made, floating=True)
            instances.append(made)
            met = [len(instances) - 1]
        relation = relations.setdefault(phrase, Relation(phrase))
        relation.numbers += [number for number in met if number not in relation.numbers]
    return list(relations.values())


def promoted(instances: Sequence[Instance]) -> list[int]:
    """The numbers of all in their new order: objects, then those that float and have two votes, then the others."""
    voted = [floats(one) and len(labels_of(one)) > 1 for one in instances]
    rank = [0 if not floats(one) else 1 if voted[n] else 2 for n, one in enumerate(instances)]
    return sorted(range(len(instances)), key=rank.__getitem__)


def normal(phrase: str) -> str:
    return " ".join(phrase.lower().split())


def _first_of_each_role(instances: Sequence[Instance], box: Box) -> list[int]:
    """The first object that the box is of, and the first that floats."""
    import numpy as np

    from labelyard.utils.boxes import iou_of_pixels

    if not instances:
        return []
    boxes = np.array([one.box for one in instances], dtype=np.float64)
    met = np.flatnonzero(iou_of_pixels(np.array(box, dtype=np.float64), boxes)[0] > SAME).tolist()
    firsts = (next((n for n in met if floats(instances[n]) is role), None) for role in (False, True))
    return [number for number in firsts if number is not None]
