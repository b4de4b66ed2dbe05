"""`merge=boxes`: one list of instances out of what several steps have kept aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from labelyard.generate.phrases import renumbered
from labelyard.generate.record import Instance, Record
from labelyard.generate.settings import setting
from labelyard.generate.step import Step

OWN = "instances"
LABELS = "labels"  # under which an instance keeps its votes
SEEN = "seen"  # and what the steps that are kept aside have seen of it


@dataclass(kw_only=True)
class MergeBoxes(Step):
    """Steps come in the order of `of`, and the instances of each in their own. One that overlaps with an instance that
    is there already is dropped, and its label is one more vote for that: `labels`, the first to see it first. The label
    is that of the first. `seen` says which steps saw it where, so that nothing votes a second time."""

    writes = ("instances",)

    of: list[str] = field(default_factory=list)  # steps that are kept aside; instances: the record's own
    # of two boxes that overlap more than this, the earlier one is kept
    iou_threshold: float = setting(0.5, least=0, most=1)
    across_labels: bool = True  # whatever their labels are; false: only those of one label

    def __post_init__(self) -> None:
        if not self.of:
            raise ValueError("of=[]: nothing to merge; give of=[NAME,NAME] with the names of steps that are kept aside")
        twice = next((one for place, one in enumerate(self.of) if one in self.of[:place]), None)
        if twice is not None:
            raise ValueError(f"of={self.of}: names {twice!r} twice; leave one out")

    @property
    def reads(self) -> tuple[str, ...]:
        return tuple(OWN if one == OWN else f"aside.{one}" for one in self.of)

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            self._merge(record)

    def _merge(self, record: Record) -> None:
        import numpy as np

        from labelyard.utils.boxes import iou

        known = _seen_before(record) if OWN in self.of else ()
        named = [(one, instance) for one in self.of for instance in _instances(record, one)]
        named = [(one, instance) for one, instance in named if one == OWN or _sight(one, instance) not in known]
        found = [instance for _, instance in named]
        sights = [_sights(one, instance) for one, instance in named]
        boxes = np.array([instance.box for instance in found], dtype=np.float64).reshape(-1, 4)
        kept: list[int] = []
        votes: dict[int, list[str]] = {}
        taken_in: dict[int, int] = {}
        for number, instance in enumerate(found):
            rivals = [n for n in kept if self.across_labels or found[n].label == instance.label]
            shares = iou(boxes[number], boxes[rivals])
            best = int(shares.argmax()) if len(rivals) else 0
            if len(rivals) and shares[best] > self.iou_threshold:
                votes[rivals[best]] += _votes(instance)
                sights[rivals[best]] += sights[number]
                taken_in[number] = rivals[best]
            else:
                kept.append(number)
                votes[number] = _votes(instance)
        told = {n: _told(found[n], votes[n], sights[n]) for n in kept}
        # Phrases know the record's own instances by their numbers: these come first, to be taken along.
        own = {id(instance) for instance in (record.instances if OWN in self.of else ())}
        order = sorted(range(len(found)), key=lambda n: id(found[n]) not in own)
        place = {n: p for p, n in enumerate(order)}
        record.instances = [told.get(n, found[n]) for n in order]
        if own:
            renumbered(record, [place[n] for n in kept], {place[n]: place[by] for n, by in taken_in.items()})
        else:
            record.instances = [told[n] for n in kept]

    def model(self) -> dict[str, Any]:
        return {"name": "merge", "checkpoint": None, "of": list(self.of), "iou_threshold": self.iou_threshold}


def _instances(record: Record, one: str) -> Sequence[Instance]:
    if one == OWN:
        return record.instances
    return (record.aside[one].instances or ()) if one in record.aside else ()


def _votes(instance: Instance) -> list[str]:
    """Of a merge before this one, too."""
    return list(instance.extra.get(LABELS, [instance.label]))


def _sight(by: str, instance: Instance) -> dict[str, Any]:
    return {"by": by, "label": instance.label, "box": list(instance.box)}


def _sights(by: str, instance: Instance) -> list[dict[str, Any]]:
    """Those of a merge before this one, too."""
    return [*instance.extra.get(SEEN, ()), *([] if by == OWN else [_sight(by, instance)])]


def _seen_before(record: Record) -> list[dict[str, Any]]:
    return [sight for instance in record.instances for sight in instance.extra.get(SEEN, ())]


def _told(instance: Instance, votes: list[str], sights: list[dict[str, Any]]) -> Instance:
    return replace(instance, extra={**instance.extra, LABELS: votes, **({SEEN: sights} if sights else {})})
