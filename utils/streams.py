"""Files as streams of bytes, plain, gzip or Zstandard. What is cut off or damaged says so, and does not just end."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any

from labelyard.utils.errors import UserError

COMPRESSED = (".gz", ".zst")
CHUNK = 1 << 18
LINES = 8192


class Damaged(Exception):
    """The reason, in words for the user."""


def without_compression(name: str) -> str:
    """The name as it would be if the file were not compressed."""
    return next((name[: -len(end)] for end in COMPRESSED if name.lower().endswith(end)), name)


@contextmanager
def opened(path: Path) -> Iterator[io.BufferedReader]:
    """The content of the file, unpacked; `Damaged` is raised from wherever it is read."""
    with path.open("rb") as file:
        name = path.name.lower()
        raw: io.RawIOBase | None = None
        if name.endswith(".gz"):
            raw = _Guarded(gzip.GzipFile(fileobj=file))
        elif name.endswith(".zst"):
            raw = _Zstandard(file)
        yield file if raw is None else io.BufferedReader(raw, CHUNK)


def lumps(path: Path) -> Iterator[tuple[int, list[bytes]]]:
    """Lines, thousands at a time, with the number of the first. A damaged file gives those before the damage."""
    first = 1
    with opened(path) as file:
        while True:
            lines: list[bytes] = []
            damage: Damaged | None = None
            try:
                lines.extend(islice(file, LINES))  # keeps what came before an exception
            except Damaged as error:
                damage = error
            if lines:
                yield first, lines
            first += len(lines)
            if damage is not None:
                raise UserError(f"{path}: {damage}, after line {first - 1}. Fetch or make it again") from None
            if not lines:
                return


class _Guarded(io.RawIOBase):
    """gzip's own errors as ours."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            return self._file.readinto(buffer)
        except EOFError:
            raise Damaged("the gzip file is cut off") from None
        except (OSError, zlib.error) as error:
            raise Damaged(f"the gzip file is damaged: {error}") from None


class _Zstandard(io.RawIOBase):
    """One frame after another. The library's own reader takes a file that is cut off for one that is complete."""

    def __init__(self, file: IO[bytes]) -> None:
        try:
            import zstandard
        except ImportError:
            raise UserError("files in .zst need the package zstandard. Try: pip install -e '.[formats]'") from None
        self._error = zstandard.ZstdError
        self._decompressor = zstandard.ZstdDecompressor()
        self._file = file
        self._frame: Any = None
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            data = self._frame.unused_data if self._frame is not None and self._frame.eof else b""
            data = data or self._file.read(CHUNK)
            if not data:
                if self._frame is not None and not self._frame.eof:
                    raise Damaged("the zst file is cut off")
                return 0
            if self._frame is None or self._frame.eof:
                self._frame = self._decompressor.decompressobj()
            try:
                self._ready = self._frame.decompress(data)
            except self._error as error:
                raise Damaged(f"the zst file is damaged: {error}") from None
        part = self._ready[: len(buffer)]
        buffer[: len(part)] = part
        self._ready = self._ready[len(part) :]
        return len(part)
