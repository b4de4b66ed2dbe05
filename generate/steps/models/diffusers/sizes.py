"""Pictures brought to sizes that a pipeline can make, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

Size = tuple[int, int]  # width, height


def with_area(size: Size, side: int, multiple: int) -> Size:
    """About as many pixels as a square of `side` has, the shape kept as far as multiples allow."""
    scale = side / (size[0] * size[1]) ** 0.5
    return _rounded(size, scale, multiple)


def with_long_side(size: Size, side: int, multiple: int) -> Size:
    """The long side `side`, or the nearest multiple to it."""
    return _rounded(size, side / max(size), multiple)


def _rounded(size: Size, scale: float, multiple: int) -> Size:
    width, height = (max(1, round(one * scale / multiple)) * multiple for one in size)
    return width, height


def resized(image: Image, size: Size) -> Image:
    from PIL.Image import Resampling

    return image if image.size == size else image.resize(size, Resampling.LANCZOS)


def covering(image: Image, size: Size) -> Image:
    """Resized so that it covers the size, and what stands out cut off evenly: nothing is squeezed."""
    from PIL.Image import Resampling

    scale = max(size[0] / image.width, size[1] / image.height)
    part = (size[0] / scale, size[1] / scale)
    left, top = (image.width - part[0]) / 2, (image.height - part[1]) / 2
    box = (left, top, left + part[0], top + part[1])
    return image.resize(size, Resampling.LANCZOS, box=box)
