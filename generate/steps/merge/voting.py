"""Boxes of several models to objects: what two of them see is there, what one sees alone is not sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from labelyard.generate.record import Box

SAME = 0.65  # IoU of pixels from which two boxes are one thing's
PERSON = "person"
PEOPLE = frozenset(["man", "woman", "men", "women"])


@dataclass(frozen=True)
class Seen:
    """What a model has found; its words, where it describes and does not name."""

    box: Box
    score: float
    label: str


@dataclass(frozen=True)
class Trust:
    """How far a model is believed."""

    threshold: float = 0.0  # scores up to this are not looked at
    person: float | None = None  # likewise of persons, whom others may confirm at lower scores
    alone: float | None = None  # a person whom nobody else sees is an object above this; null: is no person
    attributes: bool = False  # its words are attributes, and no labels


@dataclass
class Voted:
    box: Box
    score: float
    labels: list[str] = field(default_factory=list)  # of all who see it, each once
    attributes: list[str] = field(default_factory=list)


@dataclass
class Votes:
    objects: list[Voted] = field(default_factory=list)
    floating: list[Voted] = field(default_factory=list)  # seen by one alone
    attributes: list[Voted] = field(default_factory=list)  # words about a place where nobody sees a thing


def best_of_each(found: Sequence[Seen], least: float = 0.1, iou_threshold: float = 0.9) -> list[Seen]:
    """Of one model: best first, without what a better one covers nearly, whatever the labels."""
    import numpy as np

    from labelyard.utils.boxes import nms

    good = [one for one in found if one.score >= least]
    boxes = np.array([one.box for one in good], dtype=np.float64).reshape(-1, 4)
    return [good[place] for place in nms(boxes, np.array([one.score for one in good]), iou_threshold)]


def vote(found: Mapping[str, Sequence[Seen]], trusted: Mapping[str, Trust]) -> Votes:
    """In the order of `trusted`, which is that of the models: a box takes in all boxes of later models that are its
    own. It is they that vote: two boxes of one model are two things."""
    believed = {name: _believed(found.get(name, ()), trust) for name, trust in trusted.items()}
    votes = Votes()
    for seen, by, others in _taken_in(believed):
        trust, person = trusted[by], seen.label == PERSON and not trusted[by].attributes
        voted = Voted(seen.box, seen.score)
        for one, other in ((seen, trust), *((one, trusted[name]) for one, name in others)):
            words = voted.attributes if other.attributes else voted.labels
            if one.label not in words:
                words.append(one.label)
        if others or (person and trust.alone is not None and seen.score > trust.alone):
            votes.objects.append(voted)
        elif trust.attributes:
            votes.attributes.append(voted)
        elif not person or (trust.alone is not None and seen.score > trust.threshold):
            votes.floating.append(voted)
    for voted in votes.objects:
        voted.labels = list(dict.fromkeys(PERSON if label.lower() in PEOPLE else label for label in voted.labels))
    return votes


def _believed(found: Sequence[Seen], trust: Trust) -> list[Seen]:
    def least(label: str) -> float:
        return trust.person if trust.person is not None and label == PERSON else trust.threshold

    return [one for one in found if one.score > least(one.label)]


def _taken_in(believed: Mapping[str, Sequence[Seen]]) -> list[tuple[Seen, str, list[tuple[Seen, str]]]]:
    """Each box that no earlier model's has taken in, with those that it takes in."""
    import numpy as np

    from labelyard.utils.boxes import iou_of_pixels

    all_seen = [(one, name) for name, several in believed.items() for one in several]
    boxes = np.array([one.box for one, _ in all_seen], dtype=np.float64).reshape(-1, 4)
    free = np.ones(len(all_seen), dtype=bool)
    found, start = [], 0
    for several in believed.values():
        later = start + len(several)
        same = iou_of_pixels(boxes[start:later], boxes[later:]) >= SAME
        for number in range(start, later):
            if free[number]:
                others = later + np.flatnonzero(same[number - start] & free[later:])
                free[others] = False
                found.append((*all_seen[number], [all_seen[other] for other in others]))
        start = later
    return found
