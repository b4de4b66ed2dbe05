"""`merge=level1`: objects out of what several detectors and describers have kept aside, as GranD votes on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from labelyard.generate.record import Instance, Record
from labelyard.generate.roles import ATTRIBUTES, LABELS, set_role
from labelyard.generate.settings import setting
from labelyard.generate.step import Step
from labelyard.generate.steps.merge.voting import Seen, Trust, Voted, best_of_each, vote

FOUND = "floating_attributes"
# In the order in which they are believed. The numbers were chosen for the models of GranD's authors.
MODELS: Mapping[str, dict[str, Any]] = {
    "masks1": {"threshold": 0.6, "person": 0.2, "alone": 0.75},
    "boxes1": {"threshold": 0.2, "person": 0.2, "alone": 0.5},
    "boxes2": {"threshold": 0.6, "person": 0.2, "alone": 0.75},
    "regions": {"threshold": 0.3},
    "open1": {"threshold": 0.1},
    "open2": {"threshold": 0.3},
    "dense": {"threshold": 0.3, "attributes": True},
}


@dataclass(kw_only=True)
class MergeLevel1(Step):
    """What two see is an object, with the box and score of the first and the labels of all; what one sees alone is
    floating. Objects come first. Words about a place where nobody sees a thing are found.floating_attributes."""

    writes = ("instances", f"found.{FOUND}")

    # steps that are kept aside, in the order in which they are believed: threshold, person, alone, attributes
    models: dict[str, Any] = field(default_factory=lambda: {name: dict(trust) for name, trust in MODELS.items()})
    least_score: float = setting(0.1, least=0, most=1)  # of what is looked at at all
    # of two boxes of one model that overlap more than this, the better one is kept
    iou_threshold: float = setting(0.9, least=0, most=1)

    def __post_init__(self) -> None:
        if not self.trusted:
            raise ValueError("models={}: nothing to merge; name steps that are kept aside")

    @property
    def trusted(self) -> dict[str, Trust]:
        """A model that is null is none."""
        return {name: _trust(name, trust) for name, trust in self.models.items() if trust is not None}

    @property
    def reads(self) -> tuple[str, ...]:
        return tuple(f"aside.{name}" for name in self.trusted)

    def __call__(self, records: Sequence[Record]) -> None:
        trusted = self.trusted
        for record in records:
            votes = vote({name: self._seen(record, name, trust) for name, trust in trusted.items()}, trusted)
            objects = [_instance(voted, floating=False) for voted in votes.objects]
            record.instances = objects + [_instance(voted, floating=True) for voted in votes.floating]
            record.found[FOUND] = [
                {"bbox": list(one.box), "labels": [], "score": one.score, ATTRIBUTES: one.attributes}
                for one in votes.attributes
            ]

    def _seen(self, record: Record, name: str, trust: Trust) -> list[Seen]:
        aside = record.aside.get(name)
        there = (aside.instances or ()) if aside else ()
        words = [(one.caption or one.label) if trust.attributes else one.label for one in there]
        found = [Seen(one.box, one.score, said) for one, said in zip(there, words, strict=True)]
        return best_of_each(found, self.least_score, self.iou_threshold)

    def model(self) -> dict[str, Any]:
        return {"name": "merge, level 1", "checkpoint": None, "models": list(self.trusted)}


def _instance(voted: Voted, floating: bool) -> Instance:
    instance = Instance(voted.box, voted.score, voted.labels[0] if voted.labels else "", extra={LABELS: voted.labels})
    if voted.attributes:
        instance.extra[ATTRIBUTES] = voted.attributes
    set_role(instance, floating)
    return instance


def _trust(name: str, given: Any) -> Trust:
    known = [f.name for f in fields(Trust)]
    if not isinstance(given, Mapping) or set(given) - set(known):
        raise ValueError(f"models.{name}={given}: give some of {', '.join(known)}, as {name}: {{threshold: 0.3}}")
    for key, value in given.items():
        right = isinstance(value, bool) if key == "attributes" else value is None or _is_share(value)
        if not right:
            what = "true or false" if key == "attributes" else "a number from 0 to 1"
            raise ValueError(f"models.{name}.{key}={value}: give {what}")
    return Trust(**given)


def _is_share(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and 0 <= value <= 1
