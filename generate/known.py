"""What is known of an item before the first step: an earlier run's record of it, or instances that the list gave.

{"record": "/runs/first/records/00000/label_….json"}          taken over in the image's own pixels, nothing rounded
{"record": …, "from": "record"}                               likewise, but in the record's frame, with its image
{"instances": [{"box": [x, y, width, height], "label": …}]}   and "score", "caption", "mask" (COCO: RLE or polygons)
{"instances": …, "size": [width, height]}                     likewise, for an image of that size alone
"""

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


def take_over(record: Record, known: Mapping[str, Any]) -> None:
    if "record" in known:
        _from_record(record, Path(known["record"]), known.get("from") == "record")
    if "instances" in known:
        _check_size(known.get("size"), record)
        record.instances = [_given(entry, record) for entry in known["instances"]]


def _check_size(size: list[int] | None, record: Record) -> None:
    if size is not None and size != [record.width, record.height]:
        turned = ", turned upright as its EXIF data says" if "orientation" in record.facts else ""
        raise ItemError(
            f"boxes for an image of {size[0]}x{size[1]}, which has {record.width}x{record.height}{turned}: "
            f"{record.item.image}",
            record.item.id,
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


def _given(entry: Mapping[str, Any], record: Record) -> Instance:
    x, y, width, height = entry["box"]
    caption = entry.get("caption")
    mask = entry.get("mask")
    return Instance(
        (float(x), float(y), float(x + width), float(y + height)),
        float(entry.get("score", 1.0)),
        entry["label"],
        mask=None if mask is None else _mask(mask, record),
        caption=caption,
        caption_source="given" if caption else None,
        extra={"given": dict(entry["given"])} if entry.get("given") else {},
    )


def _mask(segmentation: Any, record: Record) -> Any:
    """COCO's three ways to say it (polygons, run lengths as numbers, run lengths as text) in the third."""
    from pycocotools import mask as coco

    size = [record.height, record.width]
    try:
        if isinstance(segmentation, list):
            code = coco.merge(coco.frPyObjects(segmentation, *size))
        elif isinstance(segmentation["counts"], list):
            code = coco.frPyObjects(segmentation, *size)
        else:
            code = {"size": segmentation["size"], "counts": segmentation["counts"].encode("ascii")}
    except Exception as error:  # pycocotools raises bare Exceptions, too
        raise ItemError(f"a mask that COCO's own code can't read: {error}", record.item.id) from None
    if [int(side) for side in code["size"]] != size:
        raise ItemError(
            f"a mask of {list(code['size'])} rows and columns, for an image of {size}: {record.item.image}",
            record.item.id,
        )
    return {"size": size, "counts": code["counts"].decode("ascii")}
