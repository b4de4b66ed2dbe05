"""What a record's JSON must be: for InstanceDiffusion's trainer to read it, and to be one of ours (docs/schema.md)."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Iterator, Mapping
from typing import Any

from labelyard.generate.record_json.body import is_of_no_image
from labelyard.generate.record_json.check_findings import findings_problems
from labelyard.generate.record_json.check_masks import mask_problems
from labelyard.generate.record_json.fields import (
    ALWAYS,
    EMBEDDING_WIDTH,
    EMBEDDINGS,
    LABEL_EMBEDDING,
    OF_AN_IMAGE,
    SCHEMA,
    SCHEMA_2,
)


def trainer_problems(record: Mapping[str, Any]) -> list[str]:
    """What would make the trainer stop or learn wrong things, in words; empty if nothing would."""
    return list(_trainer_problems(record))


def record_problems(record: Mapping[str, Any], embedded: bool = True) -> list[str]:
    """The same and more: everything that docs/schema.md promises of a record. `embedded`: of a run whose records hold
    their images; the others are none for the trainer."""
    own = [*_own_problems(record, embedded), *_findings_problems(record)]
    return [*(_trainer_problems(record) if embedded else _frame_problems(record)), *own]


def _trainer_problems(record: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(record.get("data_id"), int):
        yield f"data_id is {record.get('data_id')!r:.40}, not a whole number"
    if not isinstance(record.get("caption"), str):
        yield f"caption is {record.get('caption')!r:.40}, not text (an absent caption is written as empty text)"
    size = None
    try:
        size = _image_size(record.get("image"))
    except ValueError as error:
        yield f"image: {error}"
    yield from _list_problems(record.get("annos"), size, trainer=True)


def _frame_problems(record: Mapping[str, Any]) -> Iterator[str]:
    """Of a record without its image: what is said of places in its frame."""
    if not isinstance(record.get("data_id"), int):
        yield f"data_id is {record.get('data_id')!r:.40}, not a whole number"
    if not isinstance(record.get("caption"), str):
        yield f"caption is {record.get('caption')!r:.40}, not text (an absent caption is written as empty text)"
    size = _said_size(record)
    if "image" in record:
        yield "an image is inside, in a run of write.image=none"
    if size is None and record.get("annos"):
        yield "annos, and no width and height that they could be in"
    yield from _list_problems(record.get("annos"), size, trainer=False)


def _said_size(said: Any) -> tuple[int, int] | None:
    width, height = (said.get("width"), said.get("height")) if isinstance(said, dict) else (None, None)
    return (width, height) if type(width) is int and type(height) is int and min(width, height) > 0 else None


def _list_problems(annotations: Any, size: tuple[int, int] | None, trainer: bool) -> Iterator[str]:
    if not isinstance(annotations, list):
        yield f"annos is {annotations!r:.40}, not a list"
        return
    with_mask = sum(1 for a in annotations if isinstance(a, dict) and "mask" in a)
    if trainer and with_mask not in (0, len(annotations)):
        yield f"{with_mask} of {len(annotations)} annos have a mask: all must have one, or none"
    for number, annotation in enumerate(annotations):
        if not isinstance(annotation, dict):
            yield f"annos[{number}] is {annotation!r:.40}, not an object"
            continue
        for problem in _annotation_problems(annotation, size, trainer):
            yield f"annos[{number}]: {problem}"


def _annotation_problems(annotation: Mapping[str, Any], size: tuple[int, int] | None, trainer: bool) -> Iterator[str]:
    box = annotation.get("bbox")
    if not (isinstance(box, list) and len(box) == 4 and all(isinstance(v, int | float) for v in box)):
        yield f"bbox is {box!r:.60}, not [x, y, width, height]"
    elif size and not (box[0] >= 0 and box[1] >= 0 and box[0] + box[2] <= size[0] and box[1] + box[3] <= size[1]):
        yield f"bbox {box} is not inside the image of {size[0]}x{size[1]}"
    if trainer and LABEL_EMBEDDING not in annotation:
        yield f"{LABEL_EMBEDDING} is absent: the trainer needs it for every anno"
    for key in EMBEDDINGS:
        if key in annotation and annotation[key] != "":
            try:
                length = len(_unbase64(annotation[key]))
            except ValueError as error:
                yield f"{key}: {error}"
            else:
                if length != 4 * EMBEDDING_WIDTH:
                    yield f"{key} has {length} bytes, not {4 * EMBEDDING_WIDTH} (float32[1,{EMBEDDING_WIDTH}])"
    if "mask" in annotation:
        yield from mask_problems(annotation["mask"], size)


def _findings_problems(record: Mapping[str, Any]) -> Iterator[str]:
    if record.get("schema") != SCHEMA_2:
        return
    annotations = record.get("annos")
    real = [a for a in annotations if isinstance(a, dict) and not a.get("pad")] if isinstance(annotations, list) else []
    ids = [a.get("id") for a in real]
    yield from findings_problems(record, {i for i in ids if type(i) is int}, _said_size(record.get("original")))


def _own_problems(record: Mapping[str, Any], embedded: bool) -> Iterator[str]:
    if record.get("schema") not in (SCHEMA, SCHEMA_2):
        yield f"schema is {record.get('schema')!r:.40}, not {SCHEMA!r} or {SCHEMA_2!r}"
        return
    of_no_image = not embedded and is_of_no_image(record)
    for key, kind in ALWAYS.items():
        if of_no_image and key in OF_AN_IMAGE:
            continue
        if not isinstance(record.get(key), kind):
            yield f"{key} is {record.get(key)!r:.40}, not {kind.__name__}"
    listed = record.get("annos")
    annotations = [a for a in listed if isinstance(a, dict)] if isinstance(listed, list) else []
    for key in ("caption", *EMBEDDINGS):
        if any(annotation.get(key) == "" for annotation in annotations):
            yield f"an anno has an empty {key}: it must be absent then"
    if not embedded:
        if any(annotation.get("pad") for annotation in annotations):
            yield "a pad anno, which only the trainer needs"
        return
    if len(annotations) == 1:
        yield "a single anno: the trainer loses its mask; a second one with pad=1 belongs beside it"
    if sum(1 for a in annotations if a.get("pad")) > (1 if len(annotations) == 2 else 0):
        yield "pad annos beside more than one real anno"
    try:
        size = _image_size(record.get("image"))
    except ValueError:
        return
    if size != (record.get("width"), record.get("height")):
        yield f"the image is {size[0]}x{size[1]}, but width and height say {record.get('width')}x{record.get('height')}"


def _unbase64(text: Any) -> bytes:
    if not isinstance(text, str):
        raise ValueError(f"{text!r:.40} is not base64 text")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"not base64: {error}") from None


def _image_size(text: Any) -> tuple[int, int]:
    from PIL import Image

    data = _unbase64(text)
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            size: tuple[int, int] = image.size
            return size
    except Exception as error:
        raise ValueError(f"{len(data)} bytes that Pillow can't read ({type(error).__name__})") from None
