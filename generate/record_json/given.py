"""What is known of an item before the first step: an earlier run's record of it, or instances that the list gave.

{"record": "/runs/first/records/00000/label_….json"}          taken over in the image's own pixels, nothing rounded
{"record": …, "from": "record"}                               likewise, but in the record's frame, with its image
{"record": …, "join": [paths]}                                with what other runs have found of the same item
{"instances": [{"box": [x, y, width, height], "label": …}]}   and "score", "caption", "mask" (COCO: RLE or polygons)
{"instances": …, "size": [width, height]}                     likewise, for an image of that size alone
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labelyard.generate.errors import ItemError
from labelyard.generate.record import Instance, Record
from labelyard.generate.record_json.decode import from_record


def take_over(record: Record, known: Mapping[str, Any], root: str | None = None) -> None:
    """`root`: where relative places begin."""
    if "record" in known:
        in_frame = known.get("from") == "record"
        from_record(record, Path(known["record"]), in_frame, root)
        if "join" in known:
            from labelyard.generate.record_json.join import add

            add(record, known["join"], in_frame, root)
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
