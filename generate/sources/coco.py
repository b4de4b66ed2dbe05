"""COCO's JSON: images with their captions, and their instances as given boxes and masks.

The annotations of an image may stand anywhere in the file. They are put aside in a temporary file, and of each only its
image and its place there are kept in memory.
"""

from __future__ import annotations

import json
import tempfile
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

from labelyard.generate.rows import Entry, Refusal, Row
from labelyard.generate.settings import transient
from labelyard.generate.source import Source, fingerprint
from labelyard.utils.errors import UserError
from labelyard.utils.jsons import dump, finite
from labelyard.utils.streams import Damaged, opened
from labelyard.utils.text import one_line

NONE, GIVEN = -1, -2  # instead of a place


@dataclass(kw_only=True)
class Coco(Source):
    """`path`: instances_….json or captions_….json, or the folder above `annotations/`. Images are sought beside the
    JSON, in the folder of its split (val2017/, images/val2017/) and above it.

    The first caption of an image is its caption, all of them pass through as `captions`. A pipeline that starts at
    captions finds boxes and masks; one that starts with boxes overwrites them.
    """

    image_key: str = "file_name"
    split: str | None = None  # of a folder with several instances_….json: val2017, …
    captions_path: str | None = transient(None)  # captions_….json beside instances_….json
    instances: bool = True  # take boxes and masks over

    def __post_init__(self) -> None:
        super().__post_init__()
        if Path(self.path).is_dir():
            self.path = str(self._of_folder(Path(self.path)))
        if self.captions_path is not None:
            self.captions_path = self.there("captions_path", self.captions_path)

    def _of_folder(self, folder: Path) -> Path:
        there = sorted(folder.glob("annotations/instances_*.json"))
        found = [path for path in there if self.split in (None, _split_of(path))]
        if len(found) == 1:
            return found[0]
        names = ", ".join(map(_split_of, there))
        if not there:
            raise UserError(f"source.path={folder}: no annotations/instances_….json in this folder")
        if found:
            raise UserError(
                f"source.path={folder} has several lists. Name one: source.split={_split_of(found[-1])} ({names})"
            )
        raise UserError(
            f"source.split={self.split}: {folder}/annotations has no instances_{self.split}.json, but {names}"
        )

    def image_root(self) -> str:
        if self.root is not None:
            return self.root
        path = Path(self.path).resolve()
        split, top = _split_of(path), path.parent.parent
        names = [image.get(self.image_key) for image in islice(_list(path, "images"), 20) if isinstance(image, dict)]
        if path.parent.name == "annotations":
            for place in (path.parent, top / split, top / "images" / split, top / "images", top):
                if any((place / name).exists() for name in names if isinstance(name, str) and name):
                    return str(place)
        return super().image_root()

    @classmethod
    def recognises(cls, path: Path) -> bool:
        if path.is_dir():
            return any(path.glob("annotations/instances_*.json"))
        if not path.name.lower().endswith((".json", ".json.gz", ".json.zst")):
            return False
        with opened(path) as file:
            try:
                return file.peek(64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{" and _is_coco(path)
            except (Damaged, UserError):  # not to be read as COCO's JSON
                return False

    def gives(self) -> dict[str, tuple[str, ...]]:
        return {"coco": ("instances", "instances.mask")} if self.instances and self._has_boxes() else {}

    def fingerprint(self) -> dict[str, Any]:
        captions = self._captions()
        own = super().fingerprint()
        return own if captions is None else {**own, "captions": fingerprint(str(captions), [captions])}

    def _has_boxes(self) -> bool:
        return any("bbox" in first for first in _first(self.readable(), "annotations"))

    def entries(self) -> Iterator[Row]:
        path = self.readable()
        labels = {entry.get("id"): entry.get("name") for entry in _list(path, "categories")}
        with Aside(path) as found, Aside(self._captions()) as captions:
            for number, image in enumerate(_list(path, "images")):
                where = f"{path}: image {number}"
                image_id = image.get("id") if isinstance(image, dict) else None
                if not _is_id(image_id):
                    yield Refusal(where, "has no 'id' that is a number or text")
                elif found.is_taken(image_id):
                    yield Refusal(where, f"has the id {image_id} of an earlier image, which has got its annotations")
                else:
                    yield self._row(image, found.of(image_id), captions.of(image_id), labels, where)
            found.check_any_taken("annotations")
            captions.check_any_taken("captions")
            for entry in found.strangers():
                where = f"{path}: annotation {entry.get('id')}"
                yield Refusal(where, f"points to image {entry.get('image_id')}, which is not among the images")

    def _captions(self) -> Path | None:
        return None if self.captions_path is None else self.readable(Path(self.captions_path), "captions_path")

    def _row(
        self,
        image: dict[str, Any],
        annotations: list[dict[str, Any]],
        captioned: list[dict[str, Any]],
        labels: dict[Any, Any],
        where: str,
    ) -> Row:
        words = [entry["caption"] for entry in (*captioned, *annotations) if "caption" in entry and "bbox" not in entry]
        boxes = [entry for entry in annotations if "bbox" in entry]
        given = {key: value for key, value in image.items() if key not in (self.image_key, "id")}
        given["coco_id"] = image["id"]
        if words:
            given["captions"] = words
        row = self.entry({**given, **{key: image[key] for key in (self.image_key,) if key in image}}, where)
        if isinstance(row, Refusal):
            return row
        caption = row.caption or (words[0] if words and self.caption_key is not None else "")
        if not isinstance(caption, str):
            return Refusal(where, f"its caption is {caption!r:.60}, not text")
        known = None
        if self.instances and boxes:
            try:
                known = {"instances": [_instance(entry, labels) for entry in boxes], **_size(image)}
            except (KeyError, TypeError, ValueError) as error:
                return Refusal(where, f"an annotation of it can't be used: {type(error).__name__}: {error}")
        # A file without captions says nothing about their key, so nothing is missed.
        return Entry(row.image, caption, row.given, has_caption=True, known=known)


def _split_of(path: Path) -> str:
    """val2017 of instances_val2017.json."""
    return path.name.partition(".")[0].partition("_")[2]


def _size(image: dict[str, Any]) -> dict[str, Any]:
    """Of the image that the boxes are meant for, if the file says it."""
    size = [image.get("width"), image.get("height")]
    return {"size": size} if all(type(side) is int and side > 0 for side in size) else {}


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str)


def _instance(entry: dict[str, Any], labels: dict[Any, Any]) -> dict[str, Any]:
    box = [float(side) for side in entry["bbox"]]
    label = labels.get(entry.get("category_id"))
    if len(box) != 4 or box != finite(box):
        raise ValueError(f"annotation {entry.get('id')} has the box {entry['bbox']}")
    if not isinstance(label, str):
        raise ValueError(f"annotation {entry.get('id')} is of category {entry.get('category_id')}, which has no name")
    result: dict[str, Any] = {"box": box, "label": label}
    if entry.get("segmentation"):
        result["mask"] = entry["segmentation"]
    result |= {key: entry[key] for key in ("score", "caption") if key in entry}
    if entry.get("iscrowd"):
        result["given"] = {"iscrowd": 1}
    return result


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
        for entry in _list(self._path, "annotations") if self._path is not None else ():
            image = entry.get("image_id") if isinstance(entry, dict) else None
            key = image if _is_id(image) else None
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


def _list(path: Path | None, key: str) -> Iterator[Any]:
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


def _first(path: Path, key: str) -> Iterator[Any]:
    for entry in _list(path, key):
        if isinstance(entry, dict):
            yield entry
        return


def _is_coco(path: Path) -> bool:
    """An object whose `images` is a list."""
    return any(True for _ in _first(path, "images"))
