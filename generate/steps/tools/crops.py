"""An instance's part of the image, as a captioner gets it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labelyard.generate.record import Box, Instance, Record

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Crop:
    instance: Instance
    image: Image
    record: Record
    number: int  # of the instance, in its record


def crops(records: Sequence[Record], wanted: Callable[[Record, Instance], bool]) -> list[Crop]:
    """One for every instance that is wanted; large before small.

    In this order a batch holds crops of like size, and the GPU's memory is put to its hardest test first.
    """
    found = [
        Crop(instance, cut(record.image, instance.box), record, number)
        for record in records
        for number, instance in enumerate(record.instances)
        if wanted(record, instance)
    ]
    return sorted(found, key=lambda crop: (-crop.image.width * crop.image.height, crop.image.size))


def area(box: Box) -> float:
    left, top, right, bottom = box
    return (right - left) * (bottom - top)


def cut(image: Image, box: Box) -> Image:
    """The box to the nearest pixels, within the image, and never empty."""
    left, right = _span(box[0], box[2], image.width)
    top, bottom = _span(box[1], box[3], image.height)
    return image.crop((left, top, right, bottom))


def _span(low: float, high: float, size: int) -> tuple[int, int]:
    first = min(max(round(low), 0), size - 1)
    return first, max(min(round(high), size), first + 1)


def on_square(image: Image, side: int, colour: tuple[float, float, float]) -> Image:
    """The whole crop, as large as it fits, in the middle of a square of one colour."""
    from PIL import Image as pillow

    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    red, green, blue = (round(255 * part) for part in colour)
    square = pillow.new("RGB", (side, side), (red, green, blue))
    square.paste(image.resize(size, pillow.Resampling.BICUBIC), ((side - size[0]) // 2, (side - size[1]) // 2))
    return square
