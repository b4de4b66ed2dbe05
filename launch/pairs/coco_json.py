"""A dataset's boxes and masks as COCO's JSON, the whole of it on one line: some readers take no more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from labelyard.generate.errors import ItemError
from labelyard.generate.exporters.yolo import outline
from labelyard.generate.media.load import Load, load
from labelyard.generate.record import Instance, Item, Record, item_id
from labelyard.generate.rows import Entry
from labelyard.generate.sources.voc import CLASSES, Voc
from labelyard.utils import rle
from labelyard.utils.atomic import replacing
from labelyard.utils.jsons import dump

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NUMBERS = {name: number for number, name in enumerate(CLASSES, 1)}


@dataclass
class Written:
    images: int = 0
    objects: int = 0
    left_out: list[str] = field(default_factory=list)


def write(source: Voc, out: Path) -> Written:
    found = Written()
    out.parent.mkdir(parents=True, exist_ok=True)
    annotations: list[bytes] = []
    with replacing(out) as file:
        file.write(b'{"images":[')
        for record in _records(source, found):
            found.images += 1
            image = {
                "id": found.images,
                "file_name": Path(record.item.image).name,
                "width": record.width,
                "height": record.height,
            }
            _put(file, image, found.images > 1)
            for one in record.instances:
                if one.label not in NUMBERS:
                    found.left_out.append(f"{record.item.image}: '{one.label}' is no class of VOC's")
                    continue
                found.objects += 1
                annotations.append(dump(_annotation(one, found.objects, found.images)).strip())
        file.write(b'],"annotations":[' + b",".join(annotations) + b'],"categories":[')
        for name, number in NUMBERS.items():
            _put(file, {"id": number, "name": name, "supercategory": "none"}, number > 1)
        file.write(b"]}\n")
    return found


def _put(file: IO[bytes], entry: dict[str, Any], is_further: bool) -> None:
    file.write((b"," if is_further else b"") + dump(entry).strip())


def _records(source: Voc, found: Written) -> Iterator[Record]:
    for row in source.entries():
        if not isinstance(row, Entry):
            found.left_out.append(str(row))
            continue
        item = Item(item_id(row.image, ""), 0, row.image, "", row.given, row.place, row.known)
        try:
            yield load(item, source.image_root(), Load())
        except ItemError as error:
            found.left_out.append(f"{row.image}: {error.reason}")


def _annotation(one: Instance, number: int, image: int) -> dict[str, Any]:
    left, top, right, bottom = one.box
    polygons = [] if one.mask is None else outlines(rle.decode(one.mask))
    return {
        "id": number,
        "image_id": image,
        "category_id": NUMBERS[one.label],
        "bbox": [left, top, right - left, bottom - top],
        "area": float(rle.area(one.mask)) if one.mask is not None else (right - left) * (bottom - top),
        "segmentation": polygons,
        "iscrowd": 0,
    }


def outlines(mask: NDArray[np.bool_]) -> list[list[float]]:
    """A polygon for each piece, which OpenCV fills to exactly these pixels, holes and all."""
    import cv2
    import numpy as np

    count, pieces = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    found: list[list[float]] = []
    for number in range(1, count):
        points = outline(rle.encode(pieces == number))
        found.append([float(side) for point in points for side in point])
    return found
