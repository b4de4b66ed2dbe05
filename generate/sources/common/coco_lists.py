"""COCO's JSON as streams: its lists, and its annotations by image, of which only places are kept in memory."""

from __future__ import annotations

import json
import tempfile
from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from labelyard.utils.errors import UserError
from labelyard.utils.jsons import dump, finite
from labelyard.utils.streams import Damaged, opened
from labelyard.utils.text import one_line

NAMELESS = "object"  # the label of an annotation that names no category
NONE, GIVEN = -1, -2  # instead of a place


def size_of(image: Mapping[str, Any]) -> dict[str, Any]:
    """Of the image that the boxes are meant for, if the file says it."""
    size = [_whole(image.get("width")), _whole(image.get("height"))]
    return {"size": size} if all(size) else {}


def _whole(side: Any) -> int:
    """MDETR's list of Flickr30k has its numbers as text. 0 where it is none."""
    if isinstance(side, str) and side.strip().isdigit():
        return int(side)
    return side if type(side) is int and side > 0 else 0


def is_id(value: Any) -> bool:
    return isinstance(value, int | str)


class Aside:
    """Annotations in a temporary file, to be looked up by image."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._taken = 0

    def __enter__(self) -> Aside:
        self._file: IO[bytes] = tempfile.TemporaryFile()
        self._next = array("q")  # of each annotation, the place of the image's previous one, or NONE
        self._last: dict[Any, int] = {}  # image -> the place of its last one, or GIVEN
        self._starts = array("q")
        for entry in list_of(self._path, "annotations") if self._path is not None else ():
            image = entry.get("image_id") if isinstance(entry, dict) else None
            key = image if is_id(image) else None
            self._next.append(self._last.get(key, NONE))
            self._last[key] = len(self._starts)
            self._starts.append(self._file.tell())
            self._file.write(dump(finite(entry)))
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def of(self, image: Any) -> list[dict[str, Any]]:
        """Each image's annotations are given out once, in the order of the file."""
        place = self._last.get(image, NONE)
        self._last[image] = GIVEN
        found = list(self._from(place))[::-1]
        self._taken += len(found)
        return found

    def is_taken(self, image: Any) -> bool:
        return self._last.get(image) == GIVEN

    def strangers(self) -> Iterator[dict[str, Any]]:
        """What no image has asked for."""
        for place in self._last.values():
            yield from reversed(list(self._from(place)))

    def check_any_taken(self, what: str) -> None:
        first = next(self.strangers(), None) if self._taken == 0 else None
        if first is not None:
            raise UserError(
                f"{self._path}: none of its {len(self._starts)} {what} points to one of the images; the first points "
                f"to image {first.get('image_id')}. Are 'images' and 'annotations' from different files?"
            )

    def _from(self, place: int) -> Iterator[dict[str, Any]]:
        while place >= 0:
            self._file.seek(self._starts[place])
            entry = json.loads(self._file.readline())
            yield entry if isinstance(entry, dict) else {}
            place = self._next[place]


def list_of(path: Path | None, key: str) -> Iterator[Any]:
    """The entries of one of the file's lists, as a stream."""
    import ijson

    assert path is not None
    number = 0
    with opened(path) as file:
        try:
            for entry in ijson.items(file, f"{key}.item", use_float=True):
                yield entry
                number += 1
        except (ijson.JSONError, UnicodeDecodeError, Damaged) as error:
            raise UserError(
                f"{path} can't be read as COCO's JSON: after {number} {key}: {one_line(str(error))}. Was it cut off?"
            ) from None


def first_of(path: Path, key: str) -> Iterator[Any]:
    for entry in list_of(path, key):
        if isinstance(entry, dict):
            yield entry
        return


def instance(entry: Mapping[str, Any], labels: Mapping[Any, Any], mask_key: str = "segmentation") -> dict[str, Any]:
    """As a record knows it (record_json/given.py). ValueError where it can't be."""
    box = [float(side) for side in entry["bbox"]]
    label = labels.get(entry["category_id"]) if "category_id" in entry else NAMELESS
    if len(box) != 4 or box != finite(box):
        raise ValueError(f"annotation {entry.get('id')} has the box {entry['bbox']}")
    if not isinstance(label, str):
        raise ValueError(f"annotation {entry.get('id')} is of category {entry.get('category_id')}, which has no name")
    result: dict[str, Any] = {"box": box, "label": label}
    if entry.get(mask_key):
        result["mask"] = entry[mask_key]
    result |= {key: entry[key] for key in ("score", "caption") if key in entry}
    if entry.get("iscrowd"):
        result["given"] = {"iscrowd": 1}
    return result
