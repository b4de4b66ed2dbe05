"""What sources of labelled datasets share: a folder of a known layout is listed at planning, and what its labels say is
read by the workers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelyard.generate.errors import ItemError
from labelyard.generate.media.inside_files import read_reference, resolve
from labelyard.generate.record import Box, Instance, Record
from labelyard.generate.record_json.beside import given_image
from labelyard.generate.rows import Entry, Row
from labelyard.generate.source import Source
from labelyard.utils import rle
from labelyard.utils.errors import UserError
from labelyard.utils.images import UnreadableImage, decode_as_it_is
from labelyard.utils.jsons import dump

if TYPE_CHECKING:
    from xml.etree import ElementTree

    import numpy as np
    from numpy.typing import NDArray

IMAGES = (".jpg", ".jpeg", ".png")
MILLIMETRES: Mapping[str, Any] = {"scale": 0.001, "offset": 0.0, "unit": "metre", "invalid": 0, "near_is_large": False}


@dataclass(kw_only=True)
class Dataset(Source):
    """`path` is the folder that the dataset was unpacked to."""

    caption_key: str | None = None

    def top(self) -> Path:
        path = Path(self.path)
        if not path.is_dir():
            there = "is a file" if path.exists() else f"is not there (looked in {Path.cwd()})"
            raise UserError(f"source.path={self.path} {there}; source={self.name()} reads a folder")
        return path

    @classmethod
    def name(cls) -> str:
        return cls.__module__.rpartition(".")[2]

    def image_root(self) -> str:
        return self.root if self.root is not None else str(self.top().resolve())

    def fingerprint(self) -> dict[str, Any]:
        """The list, as it was made of names alone."""
        digest, number = hashlib.blake2b(digest_size=16), 0
        for row in self.entries():
            number += 1
            told = [row.image, row.place, row.known, row.given] if isinstance(row, Entry) else [str(row)]
            digest.update(dump(told))
        return {"path": str(Path(self.path).resolve()), "rows": number, "digest": digest.hexdigest()}

    def item(self, image: str, image_id: str, where: str, known: Mapping[str, Any] | None = None, **given: Any) -> Row:
        """`image`: as seen from the root. `image_id`: what the dataset itself calls it. `known`: for `take`, beside
        its name."""
        row = self.made(image, "", {"dataset": self.name(), "image_id": image_id, **given}, where)
        if isinstance(row, Entry) and known is not None:
            row = replace(row, known={"by": f"{type(self).__module__}.take", **known})
        return row

    def lines(self, path: Path) -> Iterator[tuple[int, str]]:
        """Those with something in them, numbered from 1."""
        if not path.is_file():
            beside = sorted(other.name for other in path.parent.glob(f"*{path.suffix}"))[:12]
            there = f"; there are {', '.join(beside)}" if beside else ""
            raise UserError(f"{path} is not there, which lists the images of source.split{there}")
        try:
            with path.open(encoding="utf-8-sig") as file:
                for number, line in enumerate(file, 1):
                    if line.strip():
                        yield number, line.strip()
        except UnicodeDecodeError as error:
            raise UserError(f"{path} is not UTF-8: {error.reason} at byte {error.start}") from None


def said(label: str) -> str:
    """A label as one says it."""
    return " ".join(label.replace("_", " ").split())


def listed(folder: Path, endings: tuple[str, ...] = IMAGES) -> list[str]:
    """The images of a folder, sorted."""
    if not folder.is_dir():
        raise UserError(f"{folder} is not there")
    return sorted(path.name for path in folder.iterdir() if path.suffix.lower() in endings and path.name[0] != ".")


def content(file: str, root: str | None, record: Record) -> bytes:
    """A file of labels; one that can't be read is this item's trouble."""
    return read_reference({"file": file}, root, record.item.id)


def is_there(file: str, root: str | None) -> bool:
    return resolve(file, root).is_file()


def labels(file: str, root: str | None, record: Record) -> NDArray[np.integer]:
    """The numbers of a picture of labels, as large as the record's image."""
    import numpy as np

    try:
        found = np.asarray(decode_as_it_is(content(file, root, record)))
    except UnreadableImage as error:
        raise ItemError(f"labels that can't be read: {error}: {file}", record.item.id) from None
    if found.shape[:2] != (record.height, record.width):
        turned = ", turned upright as its EXIF data says" if "orientation" in record.facts else ""
        raise ItemError(
            f"labels for an image of {found.shape[1]}x{found.shape[0]}, which has {record.width}x{record.height}"
            f"{turned}: {file}",
            record.item.id,
        )
    return found


def instance(mask: NDArray[np.bool_], label: str, **given: Any) -> Instance:
    """What a mask shows; its box is the mask's."""
    return Instance(hull(mask), 1.0, label, mask=rle.encode(mask), extra={"given": given} if given else {})


def boxed(box: Box, label: str, **given: Any) -> Instance:
    return Instance(box, 1.0, label, extra={"given": given} if given else {})


def hull(mask: NDArray[np.bool_]) -> Box:
    rows, columns = mask.any(axis=1).nonzero()[0], mask.any(axis=0).nonzero()[0]
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def side(record: Record, name: str, file: str, root: str | None, meta: Mapping[str, Any]) -> None:
    """An image beside the record's own; it stays where it is."""
    if not is_there(file, root):
        raise ItemError(f"no such file: {resolve(file, root)}", record.item.id)
    record.images[name] = given_image({"file": file}, root, record.item.id, dict(meta))


@dataclass(frozen=True)
class Described:
    """An object of Pascal VOC's XML."""

    label: str
    box: Box
    difficult: bool
    truncated: bool


def voc_objects(data: bytes, file: str, record: Record) -> list[Described]:
    """Corners are whole pixels counted from 1, both inside; here the left upper one counts from 0, and the right lower
    one lies behind the last pixel."""
    from xml.etree import ElementTree

    try:
        root = ElementTree.fromstring(data)
        return [
            Described(
                said(str(entry.findtext("name"))),
                (_side(entry, "xmin") - 1, _side(entry, "ymin") - 1, _side(entry, "xmax"), _side(entry, "ymax")),
                entry.findtext("difficult", "0").strip() == "1",
                entry.findtext("truncated", "0").strip() == "1",
            )
            for entry in root.findall("object")
        ]
    except (ElementTree.ParseError, ValueError, TypeError) as error:
        raise ItemError(f"an annotation that can't be read: {error}: {file}", record.item.id) from None


def _side(entry: ElementTree.Element, name: str) -> float:
    return float(entry.findtext(f"bndbox/{name}", ""))
