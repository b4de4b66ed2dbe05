from __future__ import annotations

import numpy as np
import pytest

from labelyard.generate.record import Instance, Record
from labelyard.generate.roles import set_role
from labelyard.generate.steps.contract import assert_company_does_not_matter, photo, run_on_copies
from labelyard.generate.steps.picture.instances import BoxPicture, InstancePicture, MaskPicture
from labelyard.utils.rle import Rle, encode


def scene() -> Record:
    record = photo("coffee", (60, 40))
    small, large = (20.4, 12.0, 30.0, 22.0), (5.0, 4.0, 56.0, 39.6)
    record.instances = [Instance(small, 0.7, "spoon", filled(small)), Instance(large, 0.9, "cup", filled(large))]
    return record


def filled(box: tuple[float, float, float, float]) -> Rle:
    mask = np.zeros((40, 60), dtype=bool)
    mask[round(box[1]) : round(box[3]), round(box[0]) : round(box[2])] = True
    return encode(mask)


def test_masks_decode_to_the_instances_by_colour() -> None:
    (done,) = run_on_copies(MaskPicture(meta="qwen_2_5_meta"), [scene()])
    made = done.images["instance_masks"]
    spoon, cup = made.meta["colours"]
    pixels = np.asarray(made.image)
    assert (pixels[12:22, 20:30] == spoon).all()  # the smaller lies on top
    cup_there = (pixels == cup).all(axis=2)
    assert cup_there[4, 5] and not cup_there[12:22, 20:30].any() and cup_there.sum() == 51 * 36 - 100
    assert (pixels[0] == 0).all()
    assert done.found["qwen_2_5_meta"] == [
        {"label": "cup", "bbox_2d": [5, 4, 56, 40], "color": cup, "score": 0.9, "mask": done.instances[1].mask},
        {"label": "spoon", "bbox_2d": [20, 12, 30, 22], "color": spoon, "score": 0.7, "mask": done.instances[0].mask},
    ]


def test_boxes_have_the_colours_of_the_masks_and_leave_the_picture_as_it_is() -> None:
    record = scene()
    (masks,), (boxes,) = run_on_copies(MaskPicture(), [record]), run_on_copies(BoxPicture(), [record])
    assert masks.images["instance_masks"].meta == boxes.images["boxes"].meta
    spoon, cup = boxes.images["boxes"].meta["colours"]
    pixels, photo_pixels = np.asarray(boxes.images["boxes"].image), np.asarray(record.image)
    for row, column, hue in (
        (4, 30, cup),
        (5, 30, cup),
        (39, 30, cup),
        (20, 55, cup),
        (12, 25, spoon),
        (21, 25, spoon),
    ):
        assert pixels[row, column].tolist() == hue
    assert np.array_equal(pixels[14:20, 22:28], photo_pixels[14:20, 22:28])
    assert np.array_equal(pixels[:4], photo_pixels[:4])
    (black,) = run_on_copies(BoxPicture(ground="black"), [record])
    assert not np.asarray(black.images["boxes"].image)[:4].any()


def test_what_floats_is_not_drawn_and_the_rest_keeps_its_colours() -> None:
    record = scene()
    set_role(record.instances[1], floating=True)
    (whole,), (done,) = run_on_copies(MaskPicture(), [scene()]), run_on_copies(MaskPicture(meta="meta"), [record])
    made = done.images["instance_masks"]
    assert [one["label"] for one in done.found["meta"]] == ["spoon"]
    assert made.meta == whole.images["instance_masks"].meta and np.asarray(made.image).any(axis=2).sum() == 100


def test_other_items_have_other_colours() -> None:
    one, other = scene(), photo("rocket", (60, 40))
    other.instances = scene().instances
    done = run_on_copies(MaskPicture(), [one, other])
    assert len({str(record.images["instance_masks"].meta) for record in done}) == 2


def test_without_instances_there_is_no_picture_unless_it_is_asked_for() -> None:
    nothing = photo("rocket", (60, 40))
    (none,) = run_on_copies(MaskPicture(meta="m"), [nothing])
    assert not none.images and none.found == {"m": []} and "left_out" in MaskPicture().model_of(none)
    (black,) = run_on_copies(MaskPicture(keep_empty=True), [nothing])
    assert not np.asarray(black.images["instance_masks"].image).any()


@pytest.mark.parametrize("step", [BoxPicture(meta="m"), MaskPicture(meta="m")])
def test_alone_and_in_company(step: InstancePicture) -> None:
    assert step.writes == (f"images.{step.picture_of}", "found.m")
    assert_company_does_not_matter(step, [scene(), photo("chelsea", (50, 50))])
