"""`merge=masks`: masks that are there already, for the instances whose boxes are nearly theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from labelyard.generate.record import Box, Instance, Record
from labelyard.generate.roles import MASK_SOURCE
from labelyard.generate.settings import setting
from labelyard.generate.step import Step

CALLED = {"sa1b": "SAM"}  # how masks are told of that are known by another name than their step's


@dataclass(kw_only=True)
class MergeMasks(Step):
    """The first of `of` that has a box near enough decides: the instance gets the mask of the nearest, and its box."""

    writes = ("instances", "instances.mask")

    of: list[str] = field(default_factory=lambda: ["sa1b", "masks1"])  # what is kept aside, in this order
    # of two boxes, as their pixels overlap; nearer ones are one thing's
    iou_threshold: float = setting(0.65, least=0, most=1)

    def __post_init__(self) -> None:
        if not self.of:
            raise ValueError("of=[]: no masks to take; give of=[NAME] with the names of steps that are kept aside")

    @property
    def reads(self) -> tuple[str, ...]:
        return ("instances", *(f"aside.{one}" for one in self.of))

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            left, taken = list(range(len(record.instances))), dict[int, Instance]()
            for one in self.of:
                taken |= self._masked(record, left, one)
                left = [number for number in left if number not in taken]
            record.instances = [taken.get(number, instance) for number, instance in enumerate(record.instances)]

    def _masked(self, record: Record, numbers: Sequence[int], one: str) -> dict[int, Instance]:
        aside = record.aside.get(one)
        masks = [found for found in ((aside.instances or ()) if aside else ()) if found.mask is not None]
        nearest = near([record.instances[n].box for n in numbers], [mask.box for mask in masks], self.iou_threshold)
        return {
            number: replace(
                record.instances[number],
                box=masks[place].box,
                mask=masks[place].mask,
                extra={**record.instances[number].extra, MASK_SOURCE: CALLED.get(one, one)},
            )
            for number, place in zip(numbers, nearest, strict=True)
            if place is not None
        }

    def model(self) -> dict[str, Any]:
        return {"name": "merge, masks", "checkpoint": None, "of": list(self.of)}


def near(boxes: Sequence[Box], others: Sequence[Box], least: float) -> list[int | None]:
    """For each box the other that it shares most with, the first of several; None where that is too little."""
    import numpy as np

    from labelyard.utils.boxes import iou_of_pixels

    if not boxes or not others:
        return [None] * len(boxes)
    some, all_others = (np.array(several, dtype=np.float64) for several in (boxes, others))
    shares = iou_of_pixels(some, all_others)
    best = shares.argmax(axis=1)
    return [int(place) if shares[row, place] >= least else None for row, place in enumerate(best)]
