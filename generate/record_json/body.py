"""A record's JSON as it was read: the one place that knows how to get at what is in it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labelyard.generate.errors import ItemError, PassingError
from labelyard.generate.file_system import UNWELL
from labelyard.generate.record_json.fields import OF_AN_IMAGE, OWN_KEYS, OWN_KEYS_2, SCHEMA_2

Body = Mapping[str, Any]


def read_record(path: Path, to_the_end: bool = False) -> dict[str, Any] | None:
    """A record's JSON; None if there is none, or a torn one. Ours end with a line feed."""
    try:
        data = path.read_bytes()
        found = json.loads(data) if data.endswith(b"\n") or not to_the_end else None
    except (FileNotFoundError, IsADirectoryError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def parsed(data: bytes) -> dict[str, Any]:
    """ValueError if it is no record."""
    found = json.loads(data)
    if not isinstance(found, dict) or not isinstance(found.get("annos"), list):
        raise ValueError("not a record")
    return found


def earlier(path: Path, item_id: str) -> dict[str, Any]:
    """The record of an earlier run. What is wrong with it is this item's trouble."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ItemError(f"no such record: {path}", item_id) from None
    except OSError as error:
        if error.errno in UNWELL:
            raise PassingError(f"{error.strerror}: {path}") from error
        raise ItemError(f"{error.strerror}: {path}", item_id) from None
    try:
        return parsed(data)
    except json.JSONDecodeError as error:
        raise ItemError(f"the earlier record is not whole JSON: {error}: {path}", item_id) from None
    except ValueError:
        raise ItemError(f"not a record: {path}", item_id) from None


def instances_of(body: Body) -> list[dict[str, Any]]:
    """The instances; what was written for the trainer's sake alone is left out."""
    return [entry for entry in body["annos"] if not entry.get("pad")]


def size_of(body: Body, original: bool = False) -> tuple[int, int]:
    """Of the frame, or of the image as it was read."""
    size = body["original"] if original else body
    return size["width"], size["height"]


def image_of(body: Body) -> bytes:
    """In the record's frame."""
    if "image" not in body:
        raise ValueError("the record holds no image (write.image=none)")
    return base64.b64decode(body["image"])


def original_mask(body: Body, entry: Body) -> Any:
    """An instance's mask in pixels of the image as it was read. Where that is the frame's size, and no image is inside,
    it is written once."""
    mask = entry["original"].get("mask")
    once = mask is None and "image" not in body and size_of(body) == size_of(body, original=True)
    return entry.get("mask") if once else mask


def newer(body: Body, key: str) -> dict[str, Any]:
    """`texts`, `found`, `aside` or `clips` of a record; in older ones a key of that name is the user's."""
    found = body.get(key) if body.get("schema") == SCHEMA_2 else None
    return found if isinstance(found, dict) else {}


def image_in_record(path: Path, item_id: str) -> bytes:
    try:
        return image_of(earlier(path, item_id))
    except ValueError as error:
        raise ItemError(f"{error}: {path}", item_id) from None


def is_of_no_image(body: Body) -> bool:
    """A record of a text or a video."""
    return body.get("schema") == SCHEMA_2 and not any(key in body for key in ("image", *OF_AN_IMAGE))


def given_of(body: Body) -> dict[str, Any]:
    """What the user gave, but for what stands under `given`."""
    own = OWN_KEYS_2 if body.get("schema") == SCHEMA_2 else OWN_KEYS
    return {key: value for key, value in body.items() if key not in own}


def done_facts(path: Path, body: Body) -> dict[str, object] | None:
    """What journal and manifest say of a finished record; None if it is none of ours."""
    annotations = body.get("annos")
    if not isinstance(annotations, list) or not all(isinstance(annotation, dict) for annotation in annotations):
        return None
    return {"file": path.name, "bytes": path.stat().st_size, "instances": len(instances_of(body))}
