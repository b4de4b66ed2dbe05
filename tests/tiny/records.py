"""Records of real photos, which come with ordinary packages."""

from __future__ import annotations

from labelyard.generate.record import Box, Instance, Item, Record, Tag
from tests.support.photos import photo

PHOTOS = ("china", "flower", "chelsea", "astronaut", "coffee")


def record(name: str, tags: list[str] | None = None, boxes: list[Box] | None = None, index: int = 0) -> Record:
    return Record(
        item=Item(f"{name}-{index}", index, f"{name}.jpg", f"a photo of {name}"),
        image=photo(name),
        tags=[Tag(tag, 1.0) for tag in tags or []],
        instances=[Instance(box=box, score=0.5, label="thing") for box in boxes or []],
    )
