"""Records of real photos, which come with ordinary packages."""

from __future__ import annotations

from typing import Any

from labelyard.generate.record import Box, Instance, Item, Record, Tag

PHOTOS = ("china", "flower", "chelsea", "astronaut", "coffee")


def photo(name: str) -> Any:
    from PIL import Image

    if name in ("china", "flower"):
        from sklearn.datasets import load_sample_image

        return Image.fromarray(load_sample_image(f"{name}.jpg"))
    import skimage.data

    return Image.fromarray(getattr(skimage.data, name)())


def record(name: str, tags: list[str] | None = None, boxes: list[Box] | None = None, index: int = 0) -> Record:
    return Record(
        item=Item(f"{name}-{index}", index, f"{name}.jpg", f"a photo of {name}"),
        image=photo(name),
        tags=[Tag(tag, 1.0) for tag in tags or []],
        instances=[Instance(box=box, score=0.5, label="thing") for box in boxes or []],
    )
