"""What an image file is, by its first bytes."""

from __future__ import annotations

import re

TELLING = 64  # bytes at a file's beginning that tell what it is
BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"hevc": "HEIC", b"hevx": "HEIC",
          b"heim": "HEIC", b"heis": "HEIC", b"mif1": "HEIC", b"msf1": "HEIC"}  # fmt: skip
BEGINNINGS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"qoif", "QOI"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
)
BITMAP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
NETPBM = re.compile(rb"P[1-6]\s(?:\s|#[^\n]*\n)*\d+\s")


def format_of(head: bytes) -> str | None:
    """What a file is that begins so: one of FORMATS, HEIC or JPEG XL, or None where it is no image. (Of what Pillow
    reads, TGA and PCX have no beginning that tells them.)"""
    for beginning, name in BEGINNINGS:
        if head.startswith(beginning):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        brands = [head[at : at + 4] for at in (8, *range(16, min(len(head), int.from_bytes(head[:4], "big")), 4))]
        found = [BRANDS[brand] for brand in brands if brand in BRANDS]
        return "AVIF" if "AVIF" in found else found[0] if found else None
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in BITMAP_HEADERS:
        return "BMP"
    if head[:4] == b"\0\0\1\0" and 0 < int.from_bytes(head[4:6], "little") < 256 and head[9:10] == b"\0":
        return "ICO"
    return "PPM" if NETPBM.match(head) else None
