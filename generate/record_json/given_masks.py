"""Masks and sizes that a list or an annotation gives, for the image that they are meant for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labelyard.generate.errors import ItemError
from labelyard.generate.record import Record
from labelyard.utils.rle import Rle


def check_size(size: Sequence[int] | None, record: Record) -> None:
    if size is not None and [*size] != [record.width, record.height]:
        turned = ", turned upright as its EXIF data says" if "orientation" in record.facts else ""
        raise ItemError(
            f"boxes for an image of {size[0]}x{size[1]}, which has {record.width}x{record.height}{turned}: "
            f"{record.item.image}",
            record.item.id,
        )


def mask_of(segmentation: Any, record: Record) -> Rle:
    """COCO's ways to say it (polygons, run lengths as numbers or as text, a list of such) in the last but one.

    ItemError where it is none, or of another size than the record's image."""
    from pycocotools import mask as coco

    size = [record.height, record.width]
    try:
        if isinstance(segmentation, list) and not isinstance(segmentation[0], Mapping):
            code = coco.merge(coco.frPyObjects(segmentation, *size))
        elif isinstance(segmentation, list):
            code = coco.merge([_run_lengths(part) for part in segmentation])
        else:
            code = _run_lengths(segmentation)
        coco.area(code)  # reads it whole
    except Exception as error:  # pycocotools raises bare Exceptions, too
        raise ItemError(f"a mask that COCO's own code can't read: {error}", record.item.id) from None
    if [int(side) for side in code["size"]] != size:
        raise ItemError(
            f"a mask of {list(code['size'])} rows and columns, for an image of {size}: {record.item.image}",
            record.item.id,
        )
    return {"size": size, "counts": code["counts"].decode("ascii")}


def _run_lengths(code: Mapping[str, Any]) -> dict[str, Any]:
    from pycocotools import mask as coco

    counts, size = code["counts"], code["size"]
    if isinstance(counts, list):
        found: dict[str, Any] = coco.frPyObjects(dict(code), *size)
        return found
    return {"size": size, "counts": counts if isinstance(counts, bytes) else counts.encode("ascii")}
