"""How a target image says what it says, and how that is read out of it again."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from labelyard.utils import rle
from labelyard.utils.errors import UserError
from labelyard.utils.images import encode_png
from labelyard.utils.rle import Rle

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]
QUALITY = 95
# The colours that say whether a class is there.
PALETTE: Mapping[str, Colour] = {
    "red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "purple": (128, 0, 128), "white": (255, 255, 255),
    "brown": (165, 42, 42), "gold": (255, 215, 0), "beige": (245, 245, 220), "violet": (238, 130, 238),
    "orange": (255, 128, 0), "maroon": (128, 0, 0), "indigo": (75, 0, 130), "aqua": (0, 255, 255),
    "coral": (255, 127, 80), "rosy brown": (188, 143, 143), "peru": (205, 133, 63),
}  # fmt: skip
# Blue as OpenCV has it in HSV, with what JPEG and a network do to it.
BLUE = ((100, 130, 50), (125, 255, 255))
CHANGED = 40  # of 255, in some channel: a pixel that was drawn on


def colour_of(name: str, option: str) -> Colour:
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getrgb(name)[:3]
    except ValueError:
        raise UserError(f"{option}={name}: no colour. Give a name, such as blue, or #rrggbb") from None
    return red, green, blue


def boxed(picture: Image, boxes: Sequence[Box], colour: Colour, width: int) -> Image:
    """A copy with the boxes outlined; a line lies within its box."""
    from PIL import ImageDraw

    made = picture.copy()
    draw = ImageDraw.Draw(made)
    for left, top, right, bottom in boxes:
        draw.rectangle((left, top, max(left, right), max(top, bottom)), outline=colour, width=width)
    return made


def filled(size: tuple[int, int], boxes: Sequence[Box]) -> Image:
    """White boxes on black."""
    from PIL import Image as Pillow
    from PIL import ImageDraw

    made = Pillow.new("RGB", size)
    draw = ImageDraw.Draw(made)
    for left, top, right, bottom in boxes:
        draw.rectangle((left, top, max(left, right), max(top, bottom)), fill=(255, 255, 255))
    return made


def masked(masks: Sequence[Rle], borders: Sequence[Rle], colour: Colour, border: int) -> Image:
    """The masks in a colour on black; borders, where no mask is, in a grey."""
    import numpy as np
    from PIL import Image as Pillow

    inside = union(masks)
    made = np.zeros((*inside.shape, 3), np.uint8)
    if border and borders:
        made[union(borders)] = border
    made[inside] = colour
    return Pillow.fromarray(made)


def union(masks: Sequence[Rle]) -> NDArray[np.bool_]:
    from pycocotools import mask as coco

    if len(masks) == 1:
        return rle.decode(masks[0])
    codes = [{"size": mask["size"], "counts": mask["counts"].encode("ascii")} for mask in masks]
    found: NDArray[np.bool_] = coco.decode(coco.merge(codes)).astype(bool)
    return found


def greys(values: NDArray[np.float64], farthest: float, nearest_level: bool) -> Image:
    """0 is nothing known; `farthest` and all beyond is white."""
    import numpy as np

    with np.errstate(invalid="ignore"):
        levels = np.nan_to_num(values, nan=0.0) * (255 / farthest)
    # A value that floating point puts a hair below a level is that level.
    levels = np.rint(levels) if nearest_level else np.floor(levels + 1e-9)
    return _grey(np.clip(levels, 0, 255).astype(np.uint8))


def normalised(values: NDArray[np.float64]) -> Image:
    """The whole range, whatever its unit."""
    import numpy as np

    low, high = np.nanmin(values), np.nanmax(values)
    levels = np.nan_to_num((values - low) / ((high - low) or 1.0), nan=0.0) * 255
    return _grey(np.floor(levels).astype(np.uint8))


def _grey(levels: NDArray[np.uint8]) -> Image:
    from PIL import Image as Pillow

    return Pillow.fromarray(levels).convert("RGB")


def painted(parts: Sequence[tuple[int, Rle]], palette: Sequence[Colour], size: tuple[int, int]) -> Image:
    """Each mask in the colour of its class."""
    import numpy as np
    from PIL import Image as Pillow

    made = np.zeros((size[1], size[0], 3), np.uint8)
    made[:] = palette[0]
    for number, mask in parts:
        made[rle.decode(mask)] = palette[number]
    return Pillow.fromarray(made)


def encoded(picture: Image, ending: str) -> bytes:
    """JPEG without subsampling: else the colour of a thin line bleeds away."""
    return encode_png(picture) if ending == "png" else as_jpeg(picture)


def as_jpeg(picture: Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return buffer.getvalue()


@lru_cache(maxsize=256)
def plain(colour: Colour, size: tuple[int, int], ending: str) -> bytes:
    """A picture of one colour; thousands are the same."""
    from PIL import Image as Pillow

    return encoded(Pillow.new("RGB", size, colour), ending)


def boxes_in(target: Image, source: Image | None = None) -> list[Box]:
    """The boxes that were outlined in blue, where they touch no other. `source`: the picture that was drawn on, which
    tells its own blue from a box's."""
    import cv2
    import numpy as np

    pixels = np.asarray(target.convert("RGB"))
    lines = cv2.inRange(cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV), np.array(BLUE[0]), np.array(BLUE[1]))
    if source is not None:
        before = np.asarray(source.convert("RGB").resize(target.size)).astype(int)
        lines[(np.abs(pixels.astype(int) - before) <= CHANGED).all(axis=2)] = 0
    count, _, found, _ = cv2.connectedComponentsWithStats(lines, connectivity=8)
    boxes: list[Box] = []
    for left, top, width, height, _ in found[1:count].tolist():
        if width >= 4 and height >= 4:
            boxes.append((float(left), float(top), float(left + width - 1), float(top + height - 1)))
    return boxes


def mask_in(target: Image) -> NDArray[np.bool_]:
    import numpy as np

    found: NDArray[np.bool_] = np.asarray(target.convert("L")) > 127
    return found


def metres_in(target: Image, farthest: float) -> NDArray[np.float64]:
    import numpy as np

    found: NDArray[np.float64] = np.asarray(target.convert("RGB")).astype(np.float64).mean(axis=2) * (farthest / 255)
    return found


def colour_in(target: Image, palette: Mapping[str, Colour] = PALETTE) -> str:
    """The nearest of the palette's."""
    import numpy as np

    mean = np.asarray(target.convert("RGB")).reshape(-1, 3).mean(axis=0)
    return min(palette, key=lambda name: float(np.abs(mean - palette[name]).sum()))


def palette_of(text: str, where: str) -> list[Colour]:
    """One colour per line, as three numbers; the first is that of nothing."""
    found: list[Any] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("//")[0].replace(",", " ").split()
        if not words:
            continue
        if len(words) != 3 or not all(word.isdecimal() and int(word) < 256 for word in words):
            raise UserError(f"{where}, line {number}: {line!r} is not three numbers from 0 to 255")
        found.append(tuple(map(int, words)))
    if not found:
        raise UserError(f"{where} has no colour")
    return found
