"""What every step that makes masks for boxes is held to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from unittest.mock import patch

import numpy as np

from labelyard.generate.record import Box, Instance, Record
from labelyard.generate.steps.contract import as_on_a_gpu, assert_company_does_not_matter, run_on_copies
from labelyard.generate.steps.rounding import VISIBLE, rounding_by_place
from labelyard.utils.rle import area, decode
from tests.tiny.records import record

BOXES = [(10.0, 20.0, 200.0, 250.0), (100.0, 50.0, 300.0, 290.0), (0.0, 0.0, 451.0, 300.0), (5.5, 7.7, 33.2, 90.1)]


def sample() -> list[Record]:
    return [
        record("chelsea", boxes=BOXES, index=0),
        record("china", boxes=BOXES[:1], index=1),
        record("flower", boxes=[], index=2),
        record("flower", boxes=BOXES[1:], index=3),
    ]


def with_boxes(record: Record, *boxes: Box) -> Record:
    record.instances = [Instance(box, 0.9, f"thing {n}") for n, box in enumerate(boxes)]
    return record


def masks_of(record: Record) -> list[np.ndarray]:
    found = [instance.mask for instance in record.instances]
    assert all(mask is not None and mask["size"] == [record.height, record.width] for mask in found)
    return [decode(mask) for mask in found if mask is not None]


def assert_a_mask_for_every_box(step: Any) -> None:
    made = run_on_copies(step, sample())
    for before, after in zip(sample(), made, strict=True):
        assert [i.box for i in after.instances] == [i.box for i in before.instances]
        for instance in after.instances:
            assert instance.mask is not None
            assert instance.mask["size"] == [after.height, after.width]
            assert 0 < area(instance.mask) < after.width * after.height
    masks = [i.mask["counts"] for r in made for i in r.instances if i.mask]
    assert len(set(masks)) == len(masks) == 8, "each box and image has a mask of its own"
    assert made[2].instances == []


def assert_alone_and_in_company(step: Any) -> None:
    assert_company_does_not_matter(step, sample())


def assert_portions_do_not_matter(step: Any) -> None:
    """On a CPU, however one computes there: the same bits whatever `boxes_at_once` says."""
    assert step.boxes_at_once > 1
    with rounding_by_place(VISIBLE):
        many = run_on_copies(step, sample())
        with patch.object(step, "boxes_at_once", 1):
            single = run_on_copies(step, sample())
    for one, two in zip(many, single, strict=True):
        assert [i.mask for i in one.instances] == [i.mask for i in two.instances]


def assert_portions_differ_by_rounding_only(build: Callable[[], Any]) -> None:
    """In batches and portions, as on a GPU, what stands behind the masks is what each box of each image gets alone, as
    far as float32 lets it be known (see the contract). `build` gives the step, set up."""
    alone = logits_of(build())
    with rounding_by_place():
        bound = np.abs(logits_of(build()) - alone).max()
    with as_on_a_gpu():
        together = logits_of(build())
    assert alone.shape == together.shape and len(alone) == 8
    assert np.abs(together - alone).max() <= bound


def logits_of(step: Any, calls: Sequence[Sequence[Record]] | None = None) -> np.ndarray:
    """Of all boxes, as the decoder gives them."""
    found: list[np.ndarray] = []
    restore = step.loaded.masker.restore

    def spy(logits: Any, size: tuple[int, int]) -> Any:
        found.append(logits.numpy().copy())
        return restore(logits, size)

    with patch.object(step.loaded.masker, "restore", spy):
        for records in calls or [sample()]:
            run_on_copies(step, records)
    return np.concatenate(found)


def halved(record: Record) -> Record:
    """A photo of half the width and height: what takes each pixel's time takes a quarter."""
    width, height = record.image.size
    record.image = record.image.resize((width // 2, height // 2))
    return record
