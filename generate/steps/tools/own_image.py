"""Which of a record's images a step works with: its own, or one beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labelyard.generate.errors import ItemError
from labelyard.generate.record import Record
from labelyard.utils.images import UnreadableImage

if TYPE_CHECKING:
    from PIL.Image import Image

OWN = "image"
BESIDE = "images."


def check_image(name: str, setting: str = "image") -> None:
    """For a step's `__post_init__`."""
    if name != OWN and not (name.startswith(BESIDE) and len(name) > len(BESIDE)):
        raise ValueError(f"{setting}={name!r}: give image, or images.NAME for one that a step makes")


def image_of(record: Record, name: str) -> Image:
    if name == OWN:
        return record.image
    beside = record.images.get(name.removeprefix(BESIDE))
    if beside is None:
        raise ItemError(f"it has no {name}", record.item.id)
    try:
        return beside.image.convert("RGB")
    except UnreadableImage as error:
        raise ItemError(f"{name} can't be read: {error}", record.item.id) from None
