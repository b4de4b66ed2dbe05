"""The members of a tar, those of one name together, as they stand one after another: 12.jpg, 12.txt, 12.json."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from labelyard.generate.sources.common.tar_members import Member, Members
from labelyard.utils.errors import UserError

IMAGES = (
    "jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff", "jp2", "avif", "ppm", "qoi", "image",
)  # fmt: skip
VIDEOS = ("mp4", "webm", "mov", "mkv", "avi", "m4v")
SMALL = 1 << 24  # bytes; metadata is smaller


@dataclass
class Sample:
    key: str
    images: list[tuple[str, str, int, int]] = field(default_factory=list)  # member, ending, offset, bytes
    videos: list[tuple[str, str, int, int]] = field(default_factory=list)  # likewise
    texts: dict[str, bytes] = field(default_factory=dict)
    endings: list[str] = field(default_factory=list)
    annotation: tuple[int, int] | None = None  # offset and bytes of the .json, where it is not read here


def samples(path: Path, read_json: bool = True) -> Iterator[Sample]:
    with path.open("rb") as file:
        sample: Sample | None = None
        members = Members(file)
        for member in members:
            folder, _, name = member.name.rpartition("/")
            stem, _, ending = name.partition(".")
            key = f"{folder}/{stem}" if folder else stem
            if not stem or folder.rpartition("/")[2].startswith("__"):
                continue  # hidden files, and WebDataset's own notes
            if sample is None or sample.key != key:
                if sample is not None:
                    yield sample
                sample = Sample(key)
            if ending.lower() == "json" and not read_json:
                sample.annotation = (member.offset, member.size)
            else:
                _add(sample, file, member, ending.lower())
        _check_end(file, members.end)
        if sample is not None:
            yield sample


def _add(sample: Sample, file: IO[bytes], member: Member, ending: str) -> None:
    sample.endings.append(ending)
    if (last := ending.rpartition(".")[2]) in IMAGES or last in VIDEOS:
        kind = sample.images if last in IMAGES else sample.videos
        kind.append((member.name, ending, member.offset, member.size))
    elif ending in ("json", "txt") and member.size <= SMALL:
        sample.texts[ending] = os.pread(file.fileno(), member.size, member.offset)


def _check_end(file: IO[bytes], offset: int) -> None:
    """Python's tarfile takes a damaged header for the end; a whole tar ends in a block of zeros."""
    file.seek(offset)
    block = file.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE:
        raise tarfile.ReadError(f"it is cut off at byte {offset}")
    if block.strip(b"\0"):
        raise tarfile.ReadError(f"the header of a member is damaged, at byte {offset}")


def readable_in_place(path: Path) -> Path:
    with path.open("rb") as file:
        head = file.read(4)
    if head[:2] == b"\x1f\x8b" or head == b"\x28\xb5\x2f\xfd":
        raise UserError(f"{path} is compressed as a whole, so nothing in it can be read in place. Unpack it to a .tar")
    return path


def damaged(path: Path, last: str, error: Exception) -> UserError:
    """`last`: the key of the last sample that was whole."""
    where = f"after the sample {last}" if last else "from its beginning"
    return UserError(f"{path} can't be read as a tar, {where}: {error}. Fetch or make it again, or leave it out")
