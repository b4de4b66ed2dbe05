"""An image as the trainer wants it: of its target's size, 8 bit, without transparency; and its bytes as they are where
nothing has to change."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labelyard.generate.exporters.graph200k.layout import FLAT, FREE, PHOTOS
from labelyard.generate.media.depth_view import near_white
from labelyard.utils.images import ORIENTATION, PLAIN_FORMATS, decode_as_it_is, encode_jpeg, encode_png, ending

if TYPE_CHECKING:
    from PIL.Image import Image

Size = tuple[int, int]
NEARLY_ALL = 0.995  # of a foreground's pixels
PLAIN_MODES = ("1", "L", "P", "RGB")  # that every reader turns into RGB as they are meant


@dataclass(frozen=True)
class Shape:
    """What becomes of the sizes: `side` is the short one's (null: as it is); `square` keeps the middle."""

    side: int | None = None
    square: bool = False

    def scaled(self, size: Size) -> Size:
        if self.side is None:
            return size
        scale = self.side / min(size)
        return max(self.side, round(size[0] * scale)), max(self.side, round(size[1] * scale))

    def cut_of(self, size: Size) -> tuple[int, int, int, int] | None:
        """The part that stays of a picture of this size."""
        side = min(size)
        if not self.square or size == (side, side):
            return None
        left, top = (size[0] - side) // 2, (size[1] - side) // 2
        return left, top, left + side, top + side

    def of(self, size: Size) -> Size:
        """What a picture of this size ends as."""
        scaled = self.scaled(size)
        cut = self.cut_of(scaled)
        return scaled if cut is None else (cut[2] - cut[0], cut[3] - cut[1])


@dataclass(frozen=True)
class Coding:
    format: str = "keep"  # keep, jpg, png
    quality: int = 95


@dataclass(frozen=True)
class Pictures:
    shape: Shape
    coding: Coding

    def of(self, column: str, data: bytes, meta: Mapping[str, Any], target: Size) -> tuple[bytes, str]:
        """Bytes and ending. `target`: the size of the record's own image, which all but pictures of their own get."""
        if self.coding.format == "keep" and self._fits(column, data, target):
            if not seems_whole(data):
                decode_as_it_is(data)  # says what is wrong with it
            return data, ending(data)
        image = eight_bit(decode_as_it_is(data), column, meta)
        size = self.shape.scaled(image.size if column in FREE else target)
        image = brought_to(image, size, column)
        cut = self.shape.cut_of(size)
        return self._encoded(image.crop(cut) if cut else image, column)

    def _fits(self, column: str, data: bytes, target: Size) -> bool:
        """As it is."""
        from PIL import Image

        try:
            with Image.open(io.BytesIO(data)) as opened:
                size = self.shape.scaled(opened.size if column in FREE else target)
                return size == opened.size and not self.shape.cut_of(size) and _plain(opened)
        except Exception:  # whoever decodes it says what is wrong
            return False

    def _encoded(self, image: Image, column: str) -> tuple[bytes, str]:
        lossy = self.coding.format == "jpg" or (self.coding.format == "keep" and column in PHOTOS)
        if not lossy:
            return encode_png(image), "png"
        plain = image if image.mode in ("RGB", "L", "1", "CMYK") else image.convert("RGB")
        return encode_jpeg(plain, self.coding.quality), "jpg"


def _plain(opened: Image) -> bool:
    return (
        opened.format in PLAIN_FORMATS
        and opened.mode in PLAIN_MODES
        and "transparency" not in opened.info
        and getattr(opened, "n_frames", 1) == 1
        and opened.getexif().get(ORIENTATION, 1) == 1
    )


def seems_whole(data: bytes) -> bool:
    """By its last bytes: what is handed on as it is is not decoded."""
    if data.startswith(b"\xff\xd8"):
        return data.endswith(b"\xff\xd9")
    if data.startswith(b"\x89PNG"):
        return data[-8:-4] == b"IEND"
    return int.from_bytes(data[4:8], "little") + 8 <= len(data)  # a RIFF says how long it is


def eight_bit(image: Image, column: str, meta: Mapping[str, Any]) -> Image:
    """Of depth its whole range; a matte may be the transparency of what it cuts out."""
    import numpy as np
    from PIL import Image as Pillow

    if image.mode == "F" or image.mode.startswith("I"):
        if column == "depth" or image.mode == "F":
            return near_white(image, meta)
        return Pillow.fromarray((np.asarray(image).astype(np.int64).clip(0, 65535) // 257).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        layered = image.convert("RGBA")
        if column == "foreground":
            return layered.getchannel("A")
        return Pillow.alpha_composite(Pillow.new("RGBA", layered.size, "white"), layered).convert("RGB")
    if column == "depth" and not meta.get("near_is_large", True):
        return near_white(image.convert("L"), meta)
    return image if image.mode in PLAIN_MODES else image.convert("RGB")


def brought_to(image: Image, size: Size, column: str) -> Image:
    """Colours that are numbers stay what they are; of all others means are taken where it gets smaller."""
    from PIL.Image import Resampling

    if image.size == size:
        return image
    if column in FLAT:
        return image.resize(size, Resampling.NEAREST)
    plain = image if image.mode in ("L", "RGB") else image.convert("RGB" if image.mode == "P" else "L")
    if size[0] < image.width:
        return plain.resize(size, Resampling.BOX)
    return plain.resize(size, Resampling.BICUBIC if column in PHOTOS else Resampling.BILINEAR)


def is_constant(foreground: bytes) -> bool:
    """By the trainer's own threshold: nothing is in it, or all."""
    counts = decode_as_it_is(foreground).convert("L").histogram()
    white = sum(counts[128:]) / sum(counts)
    return max(white, 1 - white) > NEARLY_ALL
