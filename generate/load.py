"""From an item to a record with its image in memory."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path

from generate.errors import ItemError, PassingError
from generate.record import Item, Record
from generate.settings import transient
from utils.images import UnreadableImage, decode

# What a file system says when it is unwell, not when the file is.
UNWELL = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE}


@dataclass(kw_only=True)
class Load:
    """Which images are taken in."""

    max_pixels: int = 150_000_000  # more than that is taken for a decompression bomb
    max_aspect: float = 50.0  # long side to short side; beyond, a frame of 512 would be tens of thousands wide
    threads: int = transient(4)  # images decoded ahead


def load(item: Item, root: str | None, options: Load) -> Record:
    data = read(item, root)
    try:
        decoded = decode(data, options.max_pixels, options.max_aspect)
    except UnreadableImage as error:
        raise ItemError(str(error), item.id) from None
    kept = data if decoded.unchanged else None
    return Record(item, decoded.image, kept, decoded.facts, caption=item.caption)


def read(item: Item, root: str | None) -> bytes:
    path = resolve(item.image, root)
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ItemError(f"no such file: {path}", item.id) from None
    except OSError as error:
        if error.errno in UNWELL:
            raise PassingError(f"{path}: {error.strerror}") from error
        raise ItemError(f"{path}: {error.strerror}", item.id) from None
    except ValueError as error:  # a NUL byte in the name
        raise ItemError(f"{item.image!r}: {error}", item.id) from None


def resolve(location: str, root: str | None) -> Path:
    """Where an image lies. An absolute location stands for itself."""
    return Path(root or ".") / location
