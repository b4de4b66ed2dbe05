"""From an item to a record, with its image in memory where it has one."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from labelyard.generate.errors import ItemError, PassingError
from labelyard.generate.file_system import UNWELL
from labelyard.generate.media.inside_files import read_place, resolve
from labelyard.generate.record import Item, Record
from labelyard.generate.record_json.given import take_over
from labelyard.generate.settings import MOST_THREADS, setting, transient
from labelyard.utils.faults import point
from labelyard.utils.images import UnreadableImage, decode
from labelyard.utils.locations import scheme


@dataclass(kw_only=True)
class Load:
    """Which images are taken in."""

    max_pixels: int = setting(150_000_000, least=1)  # more than that is taken for a decompression bomb
    # long side to short side; beyond, a frame of 512 would be tens of thousands wide
    max_aspect: float = setting(50.0, least=1)
    max_bytes: int = setting(2_000_000_000, least=1)  # of a file, before it is read
    threads: int = transient(4, least=1, most=MOST_THREADS)  # images decoded ahead


def load(item: Item, root: str | None, options: Load) -> Record:
    record = _with_image(item, root, options) if item.image else Record(item, caption=item.caption)
    if item.known:
        take_over(record, item.known, root)
    return record


def look(item: Item, root: str | None) -> None:
    """Fails as `load` would if what the item lies in can't be read."""
    if item.image:
        read(item, root)


def _with_image(item: Item, root: str | None, options: Load) -> Record:
    data = read(item, root, options.max_bytes)
    try:
        decoded = decode(data, options.max_pixels, options.max_aspect)
    except UnreadableImage as error:
        raise ItemError(str(error), item.id) from None
    kept = data if decoded.unchanged else None
    return Record(item, decoded.image, kept, decoded.facts, caption=item.caption)


def read(item: Item, root: str | None, max_bytes: int = Load.max_bytes) -> bytes:
    """The image file's bytes. Reasons begin with what many items share: by that they are counted."""
    path = resolve(item.place["file"] if item.place else item.image, root)
    try:
        point("read")
        if item.place:
            return read_place(item.place, path, max_bytes, item.id)
        return _read_file(path, max_bytes, item)
    except FileNotFoundError:
        if scheme(item.image) is not None:
            raise ItemError(f"a URL; fetch it to a disk first (img2dataset does that): {item.image}", item.id) from None
        raise ItemError(f"no such file: {path}", item.id) from None
    except OSError as error:
        if error.errno in UNWELL:
            raise PassingError(f"{error.strerror}: {path}") from error
        raise ItemError(f"{error.strerror}: {path}", item.id) from None
    except ValueError as error:  # a NUL byte in the name, half a surrogate pair
        raise ItemError(f"not a file name: {error}: {item.image!r}", item.id) from None


def _read_file(path: Path, max_bytes: int, item: Item) -> bytes:
    # Without O_NONBLOCK the mere opening of a pipe waits for ever. For files it changes nothing.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise ItemError(f"a folder, not a file: {path}", item.id)
        if not stat.S_ISREG(status.st_mode):
            raise ItemError(f"not a file but a pipe or device: {path}", item.id)
        if status.st_size > max_bytes:
            raise ItemError(f"too large: {status.st_size} bytes, more than load.max_bytes={max_bytes}: {path}", item.id)
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)
