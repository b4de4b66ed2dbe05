"""Detectors that find the kinds that they were trained on, with boxes alone or with masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from labelyard.generate.record import Item, Record
from labelyard.generate.steps.contract import as_on_a_gpu, assert_company_does_not_matter, run_on_copies
from labelyard.generate.steps.ground.closed import Framed
from labelyard.generate.steps.ground.detr import Detr
from labelyard.generate.steps.ground.mask2former import Mask2Former, box_of
from labelyard.utils.rle import decode
from tests.support.photos import photo
from tests.tiny.ground import make_dfine, make_mask2former


def small(name: str, size: tuple[int, int]) -> Record:
    return Record(Item(name, 0, f"{name}.jpg", ""), photo(name).resize(size))


RECORDS = [small("china", (60, 40)), small("chelsea", (40, 60)), small("coffee", (60, 40))]


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Detr:
    step = Detr(checkpoint=str(make_dfine(tmp_path_factory.mktemp("tiny") / "dfine")), box_threshold=0.1)
    step.setup("cpu")
    return step


@pytest.fixture(scope="module")
def masks(tmp_path_factory: pytest.TempPathFactory) -> Mask2Former:
    step = Mask2Former(checkpoint=str(make_mask2former(tmp_path_factory.mktemp("tiny") / "m2f")), box_threshold=0.05)
    step.setup("cpu")
    return step


def test_boxes_of_the_kinds_that_the_checkpoint_names(boxes: Detr) -> None:
    found = run_on_copies(boxes, RECORDS)
    for one in found:
        scores = [i.score for i in one.instances]
        assert scores and min(scores) > 0.1 and scores == sorted(scores, reverse=True)
        assert {i.label for i in one.instances} <= {"cat", "bird house"}, "a kind that is none is left out"
        corners = np.array([i.box for i in one.instances])
        assert (corners >= 0).all() and (corners <= [*one.image.size] * 2).all()
    assert {i.label for one in found for i in one.instances} == {"cat", "bird house"}
    assert_company_does_not_matter(boxes, RECORDS)


def test_masks_with_their_boxes(masks: Mask2Former) -> None:
    found = run_on_copies(masks, RECORDS)
    for one in found:
        assert one.instances and {i.label for i in one.instances} <= {"cat", "bird house"}
        for instance in one.instances:
            assert instance.mask is not None and instance.mask["size"] == [one.height, one.width]
            assert box_of(decode(instance.mask)) == instance.box
    assert_company_does_not_matter(masks, RECORDS)
    strict = Mask2Former(checkpoint=masks.checkpoint, box_threshold=1.0)
    strict.setup("cpu")
    assert run_on_copies(strict, RECORDS[:1])[0].instances == []


@pytest.mark.parametrize("kind", [Detr, Mask2Former])
def test_in_batches_the_same_is_found(kind: Any, boxes: Detr, masks: Mask2Former) -> None:
    alone: Any = boxes if kind is Detr else masks
    with as_on_a_gpu():
        step = kind(checkpoint=alone.checkpoint, box_threshold=alone.box_threshold, batch_size=2)
        step.setup("cpu")
        together = run_on_copies(step, RECORDS)
    for one, other in zip(run_on_copies(alone, RECORDS), together, strict=True):
        assert [i.label for i in one.instances] == [i.label for i in other.instances]
        mine, theirs = ([[i.score, *i.box] for i in record.instances] for record in (one, other))
        np.testing.assert_allclose(mine, theirs, atol=1e-3)


def test_what_an_image_was_filled_up_with_is_no_part_of_a_mask(masks: Mask2Former) -> None:
    import torch

    pixels = {"pixel_values": torch.zeros(1, 3, 64, 64)}
    shown = torch.zeros(1, 64, 64)
    shown[:, :48, :60] = 1
    assert masks._seen(Framed({**pixels, "pixel_mask": shown}, (5, 4))) == (48, 60)
    logits = torch.arange(16.0).expand(1, 16, 16).transpose(1, 2)
    cut = masks._of_image(logits, Framed({**pixels, "pixel_mask": shown}, (5, 4)))
    assert cut.shape == (1, 12, 15) and cut[0, :, 0].tolist() == list(range(12))
    without = Framed(pixels, (60, 40))
    assert masks._seen(without) == (64, 64)
    masks.loaded.processor.do_pad = True  # as EoMT's, which does not tell
    assert masks._seen(without) == (43, 64)


def test_a_box_is_around_all_of_a_mask() -> None:
    mask = np.zeros((9, 9), bool)
    assert box_of(mask) is None
    mask[2, 3] = mask[5, 1] = True
    assert box_of(mask) == (1.0, 2.0, 4.0, 6.0)
