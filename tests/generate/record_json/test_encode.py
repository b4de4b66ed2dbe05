"""What is written of a record: image, boxes and masks in one frame."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from labelyard.generate.record import Instance, Item, MadeImage, Record, Tag
from labelyard.generate.record_json.check import record_problems
from labelyard.generate.record_json.encode import Frame, Write, pixel_box, to_json
from labelyard.generate.settings import made
from labelyard.utils import rle
from labelyard.utils.errors import UserError
from labelyard.utils.jsons import dump

SIDES = st.integers(1, 3000)


def record(width: int = 60, height: int = 40, instances: list[Instance] | None = None, **given_: object) -> Record:
    item = Item("0123456789abcdef", 3, "a/b.jpg", "a caption", given_)
    made = Record(item, Image.new("RGB", (width, height), "gray"), caption="a caption", tags=[Tag("thing", 0.5)])
    made.instances = instances or []
    return made


def instance(box: tuple[float, float, float, float], mask: np.ndarray | None = None, **more: object) -> Instance:
    vector = np.ones((1, 768), np.float32)
    found = Instance(box, 0.5, "thing", None if mask is None else rle.encode(mask), label_embedding=vector)
    for name, value in more.items():
        setattr(found, name, value)
    return found


def written(made: Record, **options: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(dump(to_json(made, Write(**options), {"labelyard": "0", "config": "c"})))
    return body


def image_of(body: dict[str, Any]) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(body["image"])))


@given(SIDES, SIDES, st.integers(1, 1024))
def test_a_frame_has_exactly_the_short_side_and_nearly_the_shape(width: int, height: int, side: int) -> None:
    frame = Frame.of(width, height, side)
    assert min(frame.width, frame.height) == side
    assert (frame.width >= frame.height) == (width >= height) or frame.width == frame.height
    assert abs(max(frame.width, frame.height) - side * max(width, height) / min(width, height)) <= 0.5
    assert Frame.of(width, height, None) == Frame(width, height)


FINITE = st.floats(-1e6, 1e6)


@given(st.tuples(FINITE, FINITE, FINITE, FINITE), SIDES, SIDES, st.none() | st.integers(1, 1024))
def test_a_pixel_box_is_inside_and_never_empty(
    box: tuple[float, float, float, float], width: int, height: int, side: int | None
) -> None:
    frame = Frame.of(width, height, side)
    left, top, wide, high = pixel_box(box, frame, (frame.width / width, frame.height / height))
    assert left >= 0 and top >= 0 and wide >= 1 and high >= 1
    assert left + wide <= frame.width and top + high <= frame.height


@settings(max_examples=40, deadline=None)
@given(st.integers(8, 300), st.integers(8, 300), st.data())
def test_boxes_and_masks_move_together(width: int, height: int, data: st.DataObject) -> None:
    left, top = data.draw(st.integers(0, width - 4)), data.draw(st.integers(0, height - 4))
    right, bottom = data.draw(st.integers(left + 4, width)), data.draw(st.integers(top + 4, height))
    mask = np.zeros((height, width), bool)
    mask[top:bottom, left:right] = True
    two = [instance((left, top, right, bottom), mask), instance((0, 0, 4, 4), mask)]
    body = written(record(width, height, two), short_side=128)
    x, y, wide, high = body["annos"][0]["bbox"]
    drawn = rle.decode(body["annos"][0]["mask"])
    assert drawn.shape == (body["height"], body["width"]) == image_of(body).size[::-1]
    rows, columns = np.where(drawn)
    # The box of the mask in the frame is the box in the frame, but for the rounding of a pixel's edge.
    assert abs(columns.min() - x) <= 1 and abs(columns.max() + 1 - (x + wide)) <= 1
    assert abs(rows.min() - y) <= 1 and abs(rows.max() + 1 - (y + high)) <= 1
    assert body["annos"][0]["original"] == {"box": [left, top, right, bottom], "mask": rle.encode(mask)}


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("masked", [False, True])
def test_every_number_of_instances_makes_a_record_without_problems(number: int, masked: bool) -> None:
    mask = np.ones((40, 60), bool) if masked else None
    body = written(record(instances=[instance((n, n, 30, 30), mask) for n in range(number)]))
    assert record_problems(body) == []
    assert len(body["annos"]) == (2 if number == 1 else number)


def test_a_lonely_annotation_gets_a_pad_and_no_other_does() -> None:
    (real, pad) = written(record(instances=[instance((1, 1, 9, 9), np.ones((40, 60), bool))]))["annos"]
    assert pad["pad"] == 1 and pad["area"] == 1 and pad["mask_area"] == 0 and "pad" not in real
    assert not any("pad" in a for a in written(record(instances=[instance((1, 1, 9, 9))] * 3))["annos"])


def test_all_have_a_mask_or_none() -> None:
    body = written(record(instances=[instance((1, 1, 9, 9), np.ones((40, 60), bool)), instance((2, 2, 9, 9))]))
    assert ["mask" in annotation for annotation in body["annos"]] == [True, True]
    assert body["annos"][1]["mask_area"] == 0


def test_no_empty_text_stands_where_the_trainer_takes_text_for_numbers() -> None:
    vector = np.arange(768, dtype=np.float64)[None]
    with_caption = instance((1, 1, 9, 9), caption="a thing", caption_embedding=vector)
    body = written(record(instances=[with_caption, instance((2, 2, 9, 9), caption="", caption_embedding=vector)]))
    first, second = body["annos"]
    assert "caption" not in second and "blip_clip_embeddings" not in second
    assert first["caption_source"] == "model"
    found = np.frombuffer(base64.b64decode(first["blip_clip_embeddings"]), "<f4")
    assert np.array_equal(found, vector[0].astype(np.float32))


def test_the_files_own_bytes_are_kept_where_nothing_is_resized() -> None:
    made = record()
    made.original_bytes = b"as it came"
    assert base64.b64decode(written(made, short_side=None)["image"]) == b"as it came"
    assert image_of(written(made, short_side=20)).size == (30, 20)


def test_what_the_user_gave_never_takes_the_place_of_what_the_trainer_needs() -> None:
    body = written(record(annos="mine", image_url="u", schema=5))
    assert body["given"] == {"annos": "mine", "schema": 5} and body["image_url"] == "u"
    assert body["annos"] == [] and record_problems(body) == []


def test_further_findings_never_overwrite_the_annotations_own() -> None:
    body = written(record(instances=[instance((1, 1, 9, 9), extra={"bbox": "mine", "depth": 2.5})] * 2))
    assert body["annos"][0]["depth"] == 2.5
    assert isinstance(body["annos"][0]["bbox"], list)


def test_made_images_are_no_part_of_the_annotation() -> None:
    made = record()
    made.images["edges"] = MadeImage(Image.new("L", (4, 4)))
    assert record_problems(written(made)) == []


@pytest.mark.parametrize("options", [{"short_side": 0}, {"jpeg_quality": 0}, {"jpeg_quality": 101}])
def test_odd_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="give a number from 1 to"):
        made(Write, options, "write")
