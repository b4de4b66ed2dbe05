"""What an export needs of a record: its image, things in it, and images beside it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelyard.generate.errors import ItemError
from labelyard.generate.exporters.instructcv.codings import Box, as_jpeg
from labelyard.generate.media.load import Load, load, read
from labelyard.generate.media.side_images import SideImage
from labelyard.generate.record import Item
from labelyard.generate.record_json.beside import image_from_json
from labelyard.generate.record_json.body import original_mask
from labelyard.generate.record_json.finished import EVERYTHING, Finished, Wanted
from labelyard.utils import rle
from labelyard.utils.images import UnreadableImage, decode_as_it_is, size_in
from labelyard.utils.rle import Rle

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Thing:
    """An instance, in pixels of the picture that is exported."""

    label: str
    box: Box
    mask: Rle | None
    given: Mapping[str, Any]


def words(label: object) -> str:
    """A label as one says it."""
    return " ".join(str(label).replace("_", " ").split())


@dataclass(frozen=True)
class Picture:
    """A record with its picture: the original one, or the one inside it."""

    record: Finished
    original: bool
    run: Path
    root: str
    labels: str | None = None  # a key of the record that has the class, in place of the instances' labels and the tags
    wanted: Wanted = EVERYTHING

    @property
    def body(self) -> Mapping[str, Any]:
        return self.record.body

    @property
    def item(self) -> Item:
        return self.record.item

    @cached_property
    def size(self) -> tuple[int, int]:
        return self.record.size(self.original)

    @cached_property
    def dataset(self) -> str:
        found = self.body.get("dataset")
        return found if isinstance(found, str) else ""

    @cached_property
    def things(self) -> list[Thing]:
        found = [self._thing(entry) for entry in self.record.annotations if self.wanted.takes(entry)]
        return [thing for thing in found if thing.label]

    def _thing(self, entry: Mapping[str, Any]) -> Thing:
        mask = original_mask(self.body, entry)
        if self.original:
            box = tuple(entry["original"]["box"])
        else:
            x, y, width, height = entry["bbox"]
            box, mask = (x, y, x + width, y + height), None if mask is None else entry["mask"]
        given = entry.get("given")
        given = given if isinstance(given, Mapping) else {}
        label = given.get(self.labels, entry["category_name"]) if self.labels else entry["category_name"]
        return Thing(words(label), box, mask if mask is not None and rle.area(mask) else None, given)

    @cached_property
    def classes(self) -> list[str]:
        """That the picture is known to show."""
        if self.labels is not None:
            said = self.body.get(self.labels)
            return [words(said)] if isinstance(said, str) and words(said) else []
        tags = [words(tag["name"]) for tag in self.body["tags"] if tag["score"] >= self.wanted.min_score]
        return list(dict.fromkeys(name for name in tags or [thing.label for thing in self.things] if name))

    def side(self, name: str) -> SideImage | None:
        entry = self.body.get("images", {}).get(name)
        return None if entry is None else image_from_json(entry, self.run, self.root, self.item.id)

    def side_pixels(self, name: str) -> tuple[Image, Mapping[str, Any]]:
        """An image beside the record's own, as it is."""
        found = self.side(name)
        if found is None:
            raise ItemError(f"no image '{name}' beside it", self.item.id)
        try:
            return found.image, found.meta
        except UnreadableImage as error:
            where = (found.place or {}).get("file", name)
            raise ItemError(f"the image '{name}' can't be read: {error}: {where}", self.item.id) from None

    @cached_property
    def jpeg(self) -> bytes:
        """The file's own bytes where it is an upright colour JPEG, else such a one."""
        data = self._own_bytes
        return data if data is not None else as_jpeg(self.image)

    @cached_property
    def _own_bytes(self) -> bytes | None:
        facts = self.body["file"]
        if facts.get("format") != "JPEG" or facts.get("mode") != "RGB" or facts.keys() & {"orientation", "frames"}:
            return None
        if "part" in (self.item.place or {}):
            return None
        data = read(self.item, self.root) if self.original else self.record.image()
        try:
            return data if size_in(data) == self.size else None
        except UnreadableImage:
            return None  # who decodes it will tell why

    def forget(self) -> None:
        """Pixels and bytes; they are made anew for whoever asks again."""
        for name in ("image", "jpeg", "_own_bytes"):
            self.__dict__.pop(name, None)

    @cached_property
    def file(self) -> Path | None:
        """Where the file of `jpeg` lies, if it is one by itself."""
        own = self.original and not self.item.place and self._own_bytes is not None
        return Path(self.root, self.item.image) if own else None

    @cached_property
    def image(self) -> Image:
        if not self.original:
            from PIL import Image as Pillow

            with Pillow.open(io.BytesIO(self.record.image())) as opened:
                inside: Image = opened.convert("RGB")
                return inside
        data = self._own_bytes
        if data is not None:
            try:
                return decode_as_it_is(data)
            except UnreadableImage as error:
                raise ItemError(f"{error}: {self.item.image}", self.item.id) from None
        item = self.item
        found: Image = load(
            Item(item.id, item.index, item.image, item.caption, place=item.place), self.root, Load()
        ).image
        if found.size != self.size:
            now, then = (f"{width}x{height}" for width, height in (found.size, self.size))
            raise ItemError(f"the image has changed since the run: {then} then, {now} now: {item.image}", item.id)
        return found
