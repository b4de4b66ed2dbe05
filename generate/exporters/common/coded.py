"""Images of an export in one coding: many readers go by an image's name, and want the same ending of every one."""

from __future__ import annotations

import io

from labelyard.utils.images import encode_jpeg, encode_png, ending

CODINGS = ("jpg", "png", "original")
QUALITY = 95


def coded(data: bytes, image: str) -> bytes:
    """The bytes themselves where they are in this coding already; `original`: whatever they are in."""
    if image in ("original", ending(data)):
        return data
    from PIL import Image

    with Image.open(io.BytesIO(data)) as opened:
        picture = opened if opened.mode in ("RGB", "L") else opened.convert("RGB")
        return encode_jpeg(picture, QUALITY) if image == "jpg" else encode_png(picture)
