"""What a record's JSON must be: for InstanceDiffusion's trainer to read it, and to be one of ours (docs/schema.md)."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Iterator, Mapping
from typing import Any

from labelyard.generate.record_json.fields import ALWAYS, EMBEDDING_WIDTH, EMBEDDINGS, LABEL_EMBEDDING, SCHEMA


def trainer_problems(record: Mapping[str, Any]) -> list[str]:
    """What would make the trainer stop or learn wrong things, in words; empty if nothing would."""
    return list(_trainer_problems(record))


def record_problems(record: Mapping[str, Any]) -> list[str]:
    """The same and more: everything that docs/schema.md promises of a record."""
    return [*_trainer_problems(record), *_own_problems(record)]


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
    annotations = record.get("annos")
    if not isinstance(annotations, list):
        yield f"annos is {annotations!r:.40}, not a list"
        return
    with_mask = sum(1 for a in annotations if isinstance(a, dict) and "mask" in a)
    if with_mask not in (0, len(annotations)):
        yield f"{with_mask} of {len(annotations)} annos have a mask: all must have one, or none"
    for number, annotation in enumerate(annotations):
        if not isinstance(annotation, dict):
            yield f"annos[{number}] is {annotation!r:.40}, not an object"
            continue
        for problem in _annotation_problems(annotation, size):
            yield f"annos[{number}]: {problem}"


def _annotation_problems(annotation: Mapping[str, Any], size: tuple[int, int] | None) -> Iterator[str]:
    box = annotation.get("bbox")
    if not (isinstance(box, list) and len(box) == 4 and all(isinstance(v, int | float) for v in box)):
        yield f"bbox is {box!r:.60}, not [x, y, width, height]"
    elif size and not (box[0] >= 0 and box[1] >= 0 and box[0] + box[2] <= size[0] and box[1] + box[3] <= size[1]):
        yield f"bbox {box} is not inside the image of {size[0]}x{size[1]}"
    if LABEL_EMBEDDING not in annotation:
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
        yield from _mask_problems(annotation["mask"], size)


def _mask_problems(mask: Any, size: tuple[int, int] | None) -> Iterator[str]:
    if not (isinstance(mask, dict) and isinstance(mask.get("counts"), str) and _are_sides(mask.get("size"))):
        yield f"mask is {mask!r:.60}, not {{'size': [height, width], 'counts': text}}"
        return
    if size and mask["size"] != [size[1], size[0]]:
        yield f"mask has size {mask['size']}, the image is {size[1]} high and {size[0]} wide"
        return
    length = run_lengths_sum(mask["counts"])
    height, width = mask["size"]
    if length != height * width:
        yield f"the mask's counts cover {length} pixels, not {height * width}"


def _are_sides(size: Any) -> bool:
    return isinstance(size, list) and len(size) == 2 and all(type(side) is int and side >= 0 for side in size)


def run_lengths_sum(counts: str) -> int | None:
    """How many pixels COCO's compressed counts cover; None if they can't be read. (Its decoder does not check.)"""
    total, position, runs = 0, 0, list[int]()
    codes = [ord(c) - 48 for c in counts]
    while position < len(codes):
        value = shift = 0
        while True:
            if position >= len(codes) or not 0 <= codes[position] < 64:
                return None
            code = codes[position]
            value |= (code & 0x1F) << shift
            position, shift = position + 1, shift + 5
            if not code & 0x20:
                break
        if code & 0x10:
            value -= 1 << shift
        if len(runs) > 2:
            value += runs[-2]
        if value < 0:
            return None
        runs.append(value)
        total += value
    return total


def _own_problems(record: Mapping[str, Any]) -> Iterator[str]:
    if record.get("schema") != SCHEMA:
        yield f"schema is {record.get('schema')!r:.40}, not {SCHEMA!r}"
        return
    for key, kind in ALWAYS.items():
        if not isinstance(record.get(key), kind):
            yield f"{key} is {record.get(key)!r:.40}, not {kind.__name__}"
    listed = record.get("annos")
    annotations = [a for a in listed if isinstance(a, dict)] if isinstance(listed, list) else []
    for key in ("caption", *EMBEDDINGS):
        if any(annotation.get(key) == "" for annotation in annotations):
            yield f"an anno has an empty {key}: it must be absent then"
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
