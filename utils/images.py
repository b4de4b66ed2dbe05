"""Bytes from the wild to an upright 8-bit RGB image, or a reason why not."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

# Formats of which the original bytes may be handed on: every reader of the records opens them.
PLAIN_FORMATS = ("JPEG", "PNG", "WEBP")
# What is tried at all. Pillow knows more, among them EPS, which it has Ghostscript execute.
FORMATS = (
    "JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "JPEG2000", "AVIF", "PPM", "ICO", "TGA", "PCX", "QOI",
)  # fmt: skip
ORIENTATION = 0x0112


class UnreadableImage(Exception):
    """The reason, in words for the user."""


@dataclass(frozen=True)
class Decoded:
    image: Image
    unchanged: bool  # the file shows exactly `image`, to any reader that just converts it to RGB
    facts: dict[str, Any] = field(default_factory=dict)


@contextmanager
def keeping_pillow_s_limit() -> Iterator[None]:
    """Around what decodes in a process that is not ours alone: `decode` sets Pillow's limit, which is one for all."""
    from PIL import Image

    before = Image.MAX_IMAGE_PIXELS
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def decode(data: bytes, max_pixels: int, max_aspect: float) -> Decoded:
    """The first frame, its EXIF orientation applied, brought to RGB: deep samples scaled, alpha over white."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    if not data:
        raise UnreadableImage("the file is empty")
    try:
        with warnings.catch_warnings():
            # The limit is ours, and checked before a pixel is decoded. Pillow's own, which would forbid what the user
            # allows, stays behind it for files whose size only shows while they are decoded.
            warnings.simplefilter("ignore")
            Image.MAX_IMAGE_PIXELS = max_pixels
            image = Image.open(io.BytesIO(data), formats=_formats())
            _check_size(image.size, max_pixels, max_aspect)
            frames = getattr(image, "n_frames", 1)
            image.load()
            _check_size(image.size, max_pixels, max_aspect)
            orientation = _orientation(image)
            upright = ImageOps.exif_transpose(image) if orientation != 1 else image
    except UnidentifiedImageError:
        raise UnreadableImage(f"not an image: {_looks_like(data)}") from None
    except Image.DecompressionBombError as error:
        raise UnreadableImage(_in_our_words(error, max_pixels)) from None
    except UnreadableImage:
        raise
    except Exception as error:
        # A decoder meets every kind of damage here, and raises as many kinds of exception.
        raise UnreadableImage(f"damaged image: {error or type(error).__name__}") from None

    facts: dict[str, Any] = {"format": image.format, "mode": image.mode}
    if frames > 1:
        facts["frames"] = frames
    turned = orientation != 1
    if turned:
        facts["orientation"] = orientation
    unchanged = image.format in PLAIN_FORMATS and image.mode in ("RGB", "L") and frames == 1 and not turned
    return Decoded(_to_rgb(upright), unchanged, facts)


@cache
def _formats() -> list[str]:
    """Those of FORMATS that this Pillow knows."""
    from PIL import Image

    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


@cache
def is_readable(name: str) -> bool:
    """Whether images of this format are read here. Only of AVIF that depends on Pillow's version."""
    return name in _formats() if name == "AVIF" else name in FORMATS


def _orientation(image: Image) -> int:
    """1 to 8 as EXIF has it; 1 (as it is) where EXIF is absent, says nonsense or is damaged: the pixels are well."""
    try:
        found = image.getexif().get(ORIENTATION, 1)
    except Exception:
        return 1
    return found if found in range(1, 9) else 1


def _in_our_words(bomb: Exception, max_pixels: int) -> str:
    """Pillow names its own limit, which is twice ours, and none of our settings."""
    counted = re.search(r"\d+(?= pixels)", str(bomb))
    return f"too many pixels: {counted[0] + ', ' if counted else ''}more than load.max_pixels={max_pixels}"


def _check_size(size: tuple[int, int], max_pixels: int, max_aspect: float) -> None:
    width, height = size
    if width * height > max_pixels:
        raise UnreadableImage(f"too many pixels: {width}x{height}, more than load.max_pixels={max_pixels}")
    if max(size) > max_aspect * min(size):
        raise UnreadableImage(f"too elongated: {width}x{height}, beyond load.max_aspect={max_aspect:g}")


def _to_rgb(image: Image) -> Image:
    from PIL import Image as pillow

    if image.mode == "RGB":
        return image
    if image.mode.startswith("I;16") or image.mode == "I":
        return _from_16_bits(image)
    if image.mode == "F":
        raise UnreadableImage("floating-point samples: their range is not known; convert the file to 8 or 16 bits")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        layered = image.convert("RGBA")
        ground = pillow.new("RGBA", layered.size, "white")
        return pillow.alpha_composite(ground, layered).convert("RGB")
    return image.convert("RGB")


def _from_16_bits(image: Image) -> Image:
    """16-bit grey to 8: Pillow's own conversion would clip everything above 255 to white."""
    import numpy as np
    from PIL import Image as pillow

    samples = np.asarray(image).astype(np.int64)
    if samples.min() < 0 or samples.max() > 65535:
        raise UnreadableImage(
            f"32-bit samples from {samples.min()} to {samples.max()}: convert the file to 8 or 16 bits"
        )
    return pillow.fromarray((samples // 257).astype(np.uint8)).convert("RGB")


def decode_as_it_is(data: bytes) -> Image:
    """Whatever its mode: 16 bits stay 16 bits, and a palette stays one. Only its EXIF orientation is applied."""
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(data), formats=_formats()) as image:
            image.load()
            return image.copy() if _orientation(image) == 1 else ImageOps.exif_transpose(image)
    except Exception as error:
        raise UnreadableImage(f"{_looks_like(data)}: {error or type(error).__name__}") from None


def size_in(data: bytes) -> tuple[int, int]:
    """By the header, without decoding it."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=_formats()) as image:
            width, height = image.size
            return (height, width) if _orientation(image) > 4 else (width, height)
    except UnidentifiedImageError:
        raise UnreadableImage(f"not an image: {_looks_like(data)}") from None


def _looks_like(data: bytes) -> str:
    head = data[:512].lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "an HTML page"
    if head.startswith((b"<?xml", b"<svg")):
        return "XML or SVG"
    if head.startswith((b"{", b"[")):
        return "JSON"
    if head.startswith((b"%!ps", b"%pdf")):
        return "PostScript or PDF, which is a program and not a picture"
    if head.startswith(b"version https://git-lfs"):
        return "a git-lfs pointer, whose file was not fetched"
    if not data.strip(b"\0"):
        return f"{len(data)} zero bytes"
    return f"{len(data)} bytes that begin with {data[:8]!r}"


ENDINGS = {b"\xff\xd8": "jpg", b"\x89P": "png", b"RI": "webp"}


def ending(data: bytes) -> str:
    """Of a file's name, by what is in it, for the codings that records hold."""
    return ENDINGS.get(data[:2], "jpg")


def encode_jpeg(image: Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def encode_png(image: Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()
