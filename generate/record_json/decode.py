"""A finished record's JSON, read back: whole, as a record to go on from, or only what a journal says of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelyard.generate.errors import ItemError, PassingError
from labelyard.generate.file_system import UNWELL
from labelyard.generate.record import Box, Instance, MadeImage, Record, Tag

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OF_INSTANCES = frozenset(
    [
        "id",
        "isfake",
        "isreflected",
        "bbox",
        "mask_value",
        "pred_score",
        "category_id",
        "data_id",
        "category_name",
        "is_stuff",
        "is_thing",
        "area",
        "original",
        "mask",
        "mask_area",
        "text_embedding_before",
        "caption",
        "caption_source",
        "blip_clip_embeddings",
    ]
)


def image_in_record(path: Path, item_id: str) -> bytes:
    return base64.b64decode(_read(path, item_id)["image"])


def _read(path: Path, item_id: str) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ItemError(f"no such record: {path}", item_id) from None
    except OSError as error:
        if error.errno in UNWELL:
            raise PassingError(f"{error.strerror}: {path}") from error
        raise ItemError(f"{error.strerror}: {path}", item_id) from None
    except ValueError as error:
        raise ItemError(f"the earlier record is not whole JSON: {error}: {path}", item_id) from None
    if not isinstance(found, dict) or not isinstance(found.get("annos"), list):
        raise ItemError(f"not a record: {path}", item_id)
    return found


def _from_record(record: Record, path: Path, in_frame: bool) -> None:
    body = _read(path, record.item.id)
    size = body if in_frame else body["original"]
    if (size["width"], size["height"]) != (record.width, record.height):
        raise ItemError(
            f"the image has changed since the earlier run: {size['width']}x{size['height']} then, "
            f"{record.width}x{record.height} now: {record.item.image}",
            record.item.id,
        )
    record.tags = [Tag(tag["name"], tag["score"]) for tag in body["tags"]]
    record.models = dict(body["models"])
    record.instances = [_instance(entry, in_frame) for entry in body["annos"] if not entry.get("pad")]
    if in_frame:
        record.facts = body["file"]
    folder = path.parent.parent.parent  # of the earlier run
    for name, entry in body.get("images", {}).items():
        record.images[name] = _made_image(folder / entry["path"], entry, record.item.id)


def _instance(entry: Mapping[str, Any], in_frame: bool) -> Instance:
    x, y, width, height = entry["bbox"]
    original = entry["original"]
    box: Box = (float(x), float(y), float(x + width), float(y + height)) if in_frame else tuple(original["box"])
    return Instance(
        box,
        entry["pred_score"],
        entry["category_name"],
        mask=entry.get("mask") if in_frame else original.get("mask"),
        caption=entry.get("caption"),
        caption_source=entry.get("caption_source"),
        label_embedding=_embedding(entry.get("text_embedding_before")),
        caption_embedding=_embedding(entry.get("blip_clip_embeddings")),
        extra={key: value for key, value in entry.items() if key not in OF_INSTANCES},
    )


def _embedding(text: str | None) -> NDArray[np.float32] | None:
    if text is None:
        return None
    import numpy as np

    return np.frombuffer(base64.b64decode(text), "<f4").reshape(1, -1).astype(np.float32)


def _made_image(path: Path, entry: Mapping[str, Any], item_id: str) -> MadeImage:
    from PIL import Image

    try:
        with Image.open(path) as image:
            image.load()
            meta = {key: value for key, value in entry.items() if key not in ("path", "width", "height")}
            return MadeImage(image.copy(), meta)
    except OSError as error:
        raise ItemError(f"an image of the earlier run can't be read: {path}: {error}", item_id) from None


def read_record(path: Path, to_the_end: bool = False) -> dict[str, object] | None:
    """A record's JSON; None if there is none, or a torn one. Ours end with a line feed."""
    try:
        data = path.read_bytes()
        found = json.loads(data) if data.endswith(b"\n") or not to_the_end else None
    except (FileNotFoundError, IsADirectoryError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def done_facts(path: Path, record: dict[str, object]) -> dict[str, object] | None:
    """What journal and manifest say of a finished record; None if it is none of ours."""
    annotations = record.get("annos")
    if not isinstance(annotations, list) or not all(isinstance(annotation, dict) for annotation in annotations):
        return None
    return {
        "file": path.name,
        "bytes": path.stat().st_size,
        "instances": sum(1 for annotation in annotations if not annotation.get("pad")),
    }
