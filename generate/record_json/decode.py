"""A finished record's JSON, read back as a record to go on from."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelyard.generate.errors import ItemError
from labelyard.generate.record import Box, Instance, MadeImage, Record, Tag
from labelyard.generate.record_json.body import earlier, instances_of, size_of
from labelyard.generate.record_json.fields import CAPTION_EMBEDDING, LABEL_EMBEDDING, OWN_KEYS_OF_INSTANCES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def from_record(record: Record, path: Path, in_frame: bool) -> None:
    body = earlier(path, record.item.id)
    width, height = size_of(body, original=not in_frame)
    if (width, height) != (record.width, record.height):
        raise ItemError(
            f"the image has changed since the earlier run: {width}x{height} then, "
            f"{record.width}x{record.height} now: {record.item.image}",
            record.item.id,
        )
    record.tags = [Tag(tag["name"], tag["score"]) for tag in body["tags"]]
    record.models = dict(body["models"])
    record.instances = [_instance(entry, in_frame) for entry in instances_of(body)]
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
        label_embedding=_embedding(entry.get(LABEL_EMBEDDING)),
        caption_embedding=_embedding(entry.get(CAPTION_EMBEDDING)),
        extra={key: value for key, value in entry.items() if key not in OWN_KEYS_OF_INSTANCES},
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
