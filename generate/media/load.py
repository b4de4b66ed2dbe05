"""From an item to a record: with its image in memory where it has one, and its video looked through."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from labelyard.generate.errors import ItemError, PassingError
from labelyard.generate.file_system import UNWELL
from labelyard.generate.media.inside_files import read_place, resolve
from labelyard.generate.media.parts import cut
from labelyard.generate.media.video import Limits, Part, Video, look_through
from labelyard.generate.record import Item, Record
from labelyard.generate.record_json.chosen import shown
from labelyard.generate.record_json.given import take_over
from labelyard.generate.settings import MOST_THREADS, setting, transient
from labelyard.utils.faults import point
from labelyard.utils.images import UnreadableImage, decode
from labelyard.utils.locations import is_fetched, scheme


@dataclass(kw_only=True)
class Load:
    """Which images and videos are taken in."""

    # more than that is taken for a decompression bomb; of a video: in a frame
    max_pixels: int = setting(150_000_000, least=1)
    # long side to short side; beyond, a frame of 512 would be tens of thousands wide
    max_aspect: float = setting(50.0, least=1)
    max_bytes: int = setting(2_000_000_000, least=1)  # of a file, before it is read
    max_seconds: float = setting(3600.0, above=0)  # of a video
    urls: bool = transient(False)  # workers fetch images and videos that the list names by http(s) addresses
    threads: int = transient(4, least=1, most=MOST_THREADS)  # images decoded ahead


def load(item: Item, root: str | None, options: Load, patience: float = 120.0) -> Record:
    """`patience`: seconds to wait for the frames of a video, when a step asks for them."""
    read_so = shown(item)
    record = _with_image(read_so, root, options) if read_so.image else Record(read_so, caption=read_so.caption)
    if read_so.video:
        record.video = _video(read_so, root, options, patience)
        record.facts["video"] = dict(record.video.facts)
    record.item = item
    if item.known:
        take_over(record, item.known, root)
    return record


def look(item: Item, root: str | None, urls: bool = False) -> None:
    """Fails as `load` would if what the item lies in can't be read."""
    item = shown(item)
    if item.image:
        read(item, root, urls=urls)
    if item.video:
        part = _part(item, root, Load.max_bytes, urls)
        if part.file is None:
            with _told(part.path, item.video, item) as path, _regular(path, Load.max_bytes, item):
                pass


def _video(item: Item, root: str | None, options: Load, patience: float) -> Video:
    part = _part(item, root, options.max_bytes, options.urls)
    with _told(part.path, item.video, item) as path:
        point("read")
        if part.size is not None and part.size > options.max_bytes:
            raise _too_large(part.size, options.max_bytes, path, item)
        if part.size is None and part.file is None:
            with _regular(path, options.max_bytes, item):
                pass  # else it is told why not
        return look_through(part, Limits(options.max_pixels, options.max_seconds), patience, item.id)


def _part(item: Item, root: str | None, max_bytes: int, urls: bool) -> Part:
    place = (item.place or {}).get("video")
    if place is None and urls and is_fetched(item.video):
        from labelyard.generate.media.urls import fetch_video

        return Part(Path(item.video), file=fetch_video(item.video, max_bytes, item.id), name=item.video)
    if place is None:
        return Part(resolve(item.video, root))
    return Part(resolve(place["file"], root), place["offset"], place["bytes"])


def _with_image(item: Item, root: str | None, options: Load) -> Record:
    data = read(item, root, options.max_bytes, options.urls)
    try:
        decoded = decode(data, options.max_pixels, options.max_aspect)
    except UnreadableImage as error:
        raise ItemError(str(error), item.id) from None
    image, kept = decoded.image, data if decoded.unchanged else None
    if item.place and "part" in item.place:
        try:
            image, kept = cut(image, item.place["part"]), None
        except UnreadableImage as error:
            raise ItemError(str(error), item.id) from None
    return Record(item, image, kept, decoded.facts, caption=item.caption)


def read(item: Item, root: str | None, max_bytes: int = Load.max_bytes, urls: bool = False) -> bytes:
    """The image file's bytes. Reasons begin with what many items share: by that they are counted."""
    place = item.place if item.place and "file" in item.place else None
    if urls and place is None and is_fetched(item.image):
        from labelyard.generate.media.urls import fetch  # what speaks HTTP, and most runs never do

        point("read")
        return fetch(item.image, max_bytes, item.id)
    with _told(resolve(place["file"] if place else item.image, root), item.image, item) as path:
        point("read")
        if place:
            return read_place(place, path, max_bytes, item.id)
        with _regular(path, max_bytes, item) as descriptor, open(descriptor, "rb", closefd=False) as file:
            return file.read()


@contextmanager
def _told(path: Path, location: str, item: Item) -> Iterator[Path]:
    try:
        yield path
    except FileNotFoundError:
        if scheme(location) is not None:
            raise ItemError(f"a URL; {_how_else(location)}: {location}", item.id) from None
        raise ItemError(f"no such file: {path}", item.id) from None
    except OSError as error:
        if error.errno in UNWELL:
            raise PassingError(f"{error.strerror}: {path}") from error
        raise ItemError(f"{error.strerror}: {path}", item.id) from None
    except ValueError as error:  # a NUL byte in the name, half a surrogate pair
        raise ItemError(f"not a file name: {error}: {location!r}", item.id) from None


def _how_else(location: str) -> str:
    if is_fetched(location):
        return "fetch it to a disk first (img2dataset does that for images), or let workers fetch: load.urls=true"
    return "fetch it to a disk first"


@contextmanager
def _regular(path: Path, max_bytes: int, item: Item) -> Iterator[int]:
    # Without O_NONBLOCK the mere opening of a pipe waits for ever. For files it changes nothing.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise ItemError(f"a folder, not a file: {path}", item.id)
        if not stat.S_ISREG(status.st_mode):
            raise ItemError(f"not a file but a pipe or device: {path}", item.id)
        if status.st_size > max_bytes:
            raise _too_large(status.st_size, max_bytes, path, item)
        yield descriptor
    finally:
        os.close(descriptor)


def _too_large(size: int, most: int, path: Path, item: Item) -> ItemError:
    return ItemError(f"too large: {size} bytes, more than load.max_bytes={most}: {path}", item.id)
