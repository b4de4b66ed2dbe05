"""A finished record as the JSON that InstanceDiffusion's trainer reads, and more. docs/schema.md has every field.

What is written is expressed in one frame: image, boxes and masks are resized together. The trainer's own resizing of
masks is only right when the short side is 512, hence the default. What was found in the image's own pixels is kept
beside it under `original`.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labelyard.generate.errors import ItemError
from labelyard.generate.record import Box, Instance, Record
from labelyard.generate.record_json.asides import asides_to_json, tag_to_json
from labelyard.generate.record_json.fields import (
    CAPTION_EMBEDDING,
    EMBEDDING_WIDTH,
    LABEL_EMBEDDING,
    OWN_KEYS,
    OWN_KEYS_2,
    SCHEMA,
    SCHEMA_2,
)
from labelyard.generate.record_json.texts import texts_to_json
from labelyard.generate.record_json.vectors import encode_embedding
from labelyard.generate.settings import LONGEST_SIDE, setting
from labelyard.utils import rle
from labelyard.utils.images import encode_jpeg

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(kw_only=True)
class Write:
    """How records are written."""

    # pixels; 512 is what InstanceDiffusion's trainer needs for right masks; null keeps the original size
    short_side: int | None = setting(512, least=1, most=LONGEST_SIDE)
    jpeg_quality: int = setting(95, least=1, most=100)  # of images that were resized, 1 to 100
    dataset_name: str = "labelyard"  # a word for all records, under this key
    # none: records are small, hold every mask once, and are none for InstanceDiffusion's trainer
    image: str = setting("embedded", words=("embedded", "none"))
    aside: bool = True  # what steps found aside, too

    @property
    def embedded(self) -> bool:
        return self.image == "embedded"


@dataclass(frozen=True)
class Frame:
    """The size in which a record is written."""

    width: int
    height: int

    @classmethod
    def of(cls, width: int, height: int, short_side: int | None) -> Frame:
        if short_side is None:
            return cls(width, height)
        scale = short_side / min(width, height)
        # The short side is set, not computed: rounding must never make it 511.
        if width <= height:
            return cls(short_side, max(short_side, round(height * scale)))
        return cls(max(short_side, round(width * scale)), short_side)


def to_json(record: Record, options: Write, made_by: dict[str, str]) -> dict[str, Any]:
    """Without what lies beside it (`images`, `clips`): where that is, `files.py` knows."""
    item = record.item
    newer = {
        "video": item.video,
        "texts": texts_to_json(record.texts),
        "found": record.found,
        "aside": asides_to_json(record.aside) if options.aside else {},
    }
    newer = {key: value for key, value in newer.items() if value}
    plain = record.has_image and options.embedded and not newer and not record.clips
    own = OWN_KEYS if plain else OWN_KEYS_2
    clashing = {key: value for key, value in item.given.items() if key in own}
    result: dict[str, Any] = {
        "schema": SCHEMA if plain else SCHEMA_2,
        "id": item.id,
        "data_id": item.index,
        "caption": record.caption,
        "file_name": item.image or item.video,
        "is_det": 0,
        "dataset_name": options.dataset_name,
        **(_sizes(record, options) if record.has_image else {}),
        "file": record.facts,
        "tags": [tag_to_json(tag) for tag in record.tags],
        "models": record.models,
        "made_by": made_by,
        **(_image_and_annotations(record, options) if record.has_image else {"annos": _no_annotations(record)}),
        **newer,
    }
    result.update((key, value) for key, value in item.given.items() if key not in own)
    if clashing:
        result["given"] = clashing
    return result


def _sizes(record: Record, options: Write) -> dict[str, Any]:
    frame = Frame.of(record.width, record.height, options.short_side)
    original = {"width": record.width, "height": record.height}
    return {"width": frame.width, "height": frame.height, "original": original}


def _image_and_annotations(record: Record, options: Write) -> dict[str, Any]:
    frame = Frame.of(record.width, record.height, options.short_side)
    scale = (frame.width / record.width, frame.height / record.height)
    if not options.embedded:
        once = (frame.width, frame.height) == (record.width, record.height)
        found = enumerate(record.instances)
        return {"annos": [_annotation(n, one, frame, scale, masked=False, once=once) for n, one in found]}
    image = base64.b64encode(_image_bytes(record, frame, options.jpeg_quality)).decode("ascii")
    return {"image": image, "annos": _annotations(record, frame, scale)}


def _no_annotations(record: Record) -> list[dict[str, Any]]:
    if record.instances:
        raise ItemError(f"{len(record.instances)} instances, and no image that they could be in", record.item.id)
    return []


def _image_bytes(record: Record, frame: Frame, quality: int) -> bytes:
    if (frame.width, frame.height) == (record.width, record.height):
        return record.original_bytes or encode_jpeg(record.image, quality)
    return encode_jpeg(_resized(record.image, frame), quality)


def _resized(image: Image, frame: Frame) -> Image:
    from PIL.Image import Resampling

    shrinks = frame.width < image.width
    return image.resize((frame.width, frame.height), Resampling.BOX if shrinks else Resampling.BICUBIC)


def _annotations(record: Record, frame: Frame, scale: tuple[float, float]) -> list[dict[str, Any]]:
    # All instances have a mask or none has: the trainer indexes masks by position.
    masked = any(instance.mask is not None for instance in record.instances)
    annotations = [
        _annotation(number, instance, frame, scale, masked) for number, instance in enumerate(record.instances)
    ]
    return padded(annotations, frame)


def padded(annotations: list[dict[str, Any]], frame: Frame) -> list[dict[str, Any]]:
    """With a companion for a lonely one."""
    if len(annotations) != 1:
        return annotations
    (lonely,) = annotations
    return [lonely, _pad(frame, "mask" in lonely, LABEL_EMBEDDING in lonely)]


def _annotation(
    number: int, instance: Instance, frame: Frame, scale: tuple[float, float], masked: bool, once: bool = False
) -> dict[str, Any]:
    """`masked`: with an empty mask where there is none. `once`: no second copy of one that is the same in the frame as
    in the image."""
    left, top, width, height = pixel_box(instance.box, frame, scale)
    stuff = bool(instance.extra.get("is_stuff"))
    result: dict[str, Any] = {
        "id": number,
        "isfake": 0,
        "isreflected": 0,
        "bbox": [left, top, width, height],
        "mask_value": number + 1,
        "pred_score": instance.score,
        "category_id": 0,
        "data_id": 0,
        "category_name": instance.label,
        "is_stuff": int(stuff),
        "is_thing": int(not stuff),
        "area": width * height,
        "original": {"box": [float(side) for side in instance.box]},
    }
    if instance.mask is not None:
        mask = rle.resize(instance.mask, frame.width, frame.height)
        result["mask"] = mask
        result["mask_area"] = rle.area(mask)
        if not once:
            result["original"]["mask"] = instance.mask
    elif masked:
        result["mask"] = rle.empty(frame.width, frame.height)
        result["mask_area"] = 0
    if instance.label_embedding is not None:
        result[LABEL_EMBEDDING] = encode_embedding(instance.label_embedding)
    if instance.caption:
        # Absent where there is none: the trainer takes "" for an embedding of no numbers and stops.
        result["caption"] = instance.caption
        result["caption_source"] = instance.caption_source or "model"
        if instance.caption_embedding is not None:
            result[CAPTION_EMBEDDING] = encode_embedding(instance.caption_embedding)
    result.update((key, value) for key, value in instance.extra.items() if key not in result)
    return result


def _pad(frame: Frame, masked: bool, embedded: bool) -> dict[str, Any]:
    """A second annotation for a lonely one, whose mask the trainer would lose; it drops this one as too small."""
    import numpy as np

    result: dict[str, Any] = {
        "id": 1,
        "pad": 1,
        "isfake": 1,
        "isreflected": 0,
        "bbox": [0, 0, 1, 1],
        "mask_value": 2,
        "pred_score": 0.0,
        "category_id": 0,
        "data_id": 0,
        "category_name": "",
        "is_stuff": 0,
        "is_thing": 0,
        "area": 1,
    }
    if embedded:
        result[LABEL_EMBEDDING] = encode_embedding(np.zeros((1, EMBEDDING_WIDTH), np.float32))
    if masked:
        result["mask"] = rle.empty(frame.width, frame.height)
        result["mask_area"] = 0
    return result


def pixel_box(box: Box, frame: Frame, scale: tuple[float, float]) -> tuple[int, int, int, int]:
    """xyxy floats of the image as x, y, width, height in whole pixels of the frame, inside it and never empty."""
    x, y = scale
    left = min(max(int(box[0] * x), 0), frame.width - 1)
    top = min(max(int(box[1] * y), 0), frame.height - 1)
    right = min(max(int(box[2] * x), left + 1), frame.width)
    bottom = min(max(int(box[3] * y), top + 1), frame.height)
    return left, top, right - left, bottom - top
