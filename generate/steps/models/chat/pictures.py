"""Pictures as servers take them: data URLs, of the file itself where that can be."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from labelyard.utils.images import encode_jpeg

if TYPE_CHECKING:
    from PIL.Image import Image

QUALITY = 95


def data_url(image: Image, file: bytes | None = None) -> str:
    """What kind of file it is, is read off its first bytes: names lie."""
    kind = kind_of(file) if file is not None else None
    if kind is None or file is None:
        kind, file = "image/jpeg", encode_jpeg(image.convert("RGB"), QUALITY)
    return f"data:{kind};base64,{b64encode(file).decode()}"


def kind_of(data: bytes) -> str | None:
    """None for kinds that not every server reads."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None
