"""A picture out of a composite one: a box of it, or a half of a pair in a border."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from labelyard.utils.images import UnreadableImage

if TYPE_CHECKING:
    from PIL.Image import Image

Part = str | Sequence[int]  # "left", "right" ("left:8" if the border must be so wide), or [x0, y0, x1, y1]
HALVES = ("left", "right")


def cut(image: Image, part: Part) -> Image:
    """UnreadableImage where the image has no such part."""
    return image.crop(box_of(part, image.width, image.height))


def box_of(part: Part, width: int, height: int) -> tuple[int, int, int, int]:
    if isinstance(part, str):
        return _half(part, width, height)
    left, top, right, bottom = part
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise UnreadableImage(f"a part {list(part)} that is not inside the image of {width}x{height}")
    return left, top, right, bottom


def _half(part: str, width: int, height: int) -> tuple[int, int, int, int]:
    """Two squares with a border around each and between them: the sizes alone say how wide it is."""
    part, _, wanted = part.partition(":")
    border, side = 2 * height - width, 2 * width - 3 * height
    if part not in HALVES or border < 0 or side < 1:
        raise UnreadableImage(f"no {part} half: {width}x{height} is no pair of squares in a border")
    if wanted and int(wanted) != border:
        raise UnreadableImage(
            f"no {part} half in a border of {wanted}: the border of a pair of squares of {width}x{height} is {border}"
        )
    left = border if part == "left" else side + 2 * border
    return left, border, left + side, border + side
