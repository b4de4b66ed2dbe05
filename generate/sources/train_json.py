"""One JSON list of objects: [{"image": …, "caption": …}, …], read as a stream however long it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from io import BufferedReader
from typing import Any

from generate.entry import Row
from generate.json_list import NotAList, Parse, lumps
from generate.objects import Objects
from generate.rows import Rows, joined
from generate.source import Source
from utils.errors import UserError
from utils.jsons import parse
from utils.streams import Damaged, opened
from utils.text import one_line


@dataclass(kw_only=True)
class TrainJson(Source):
    suffixes = (".json",)

    def entries(self) -> Iterator[Row]:
        for first, objects in self._lumps():
            for number, row in enumerate(objects, first):
                yield self.entry(row, self._where(0, number))

    def rows(self) -> Iterator[Rows]:
        objects = Objects(self)
        return joined(objects.rows(some, partial(self._where, first)) for first, some in self._lumps(objects.of_list))

    def _where(self, first: int, number: int) -> str:
        return f"{self.path}: entry {first + number}"

    def _lumps(self, read: Parse = parse) -> Iterator[tuple[int, list[Any]]]:
        """Entries as they come, with the number of the first."""
        with opened(self.readable()) as file:
            count = 0
            try:
                self._check_list(file)
                for objects in lumps(file, read):
                    yield count, objects
                    count += len(objects)
            except NotAList as error:
                raise UserError(
                    f"{self.path} is not whole JSON: after entry {count - 1}, {one_line(str(error))}. "
                    "Was it cut off, or does it hold one object per line (then source=jsonl)?"
                ) from None
            except Damaged as error:
                raise UserError(f"{self.path}: {error}, after entry {count - 1}. Fetch or make it again") from None

    def _check_list(self, file: BufferedReader) -> None:
        """A list begins with '['. The position is left behind a byte order mark, if there is one."""
        head = file.peek(4096)
        start = 3 if head.startswith(b"\xef\xbb\xbf") else 0
        first = head[start:].lstrip()[:1]
        file.read(start)
        if first == b"[":
            return
        if not head:
            raise UserError(f"{self.path} is empty; a JSON list of {{'image': …, 'caption': …}} is expected")
        if first == b"{":
            raise UserError(
                f"{self.path} holds an object, not a list. If it is one object per line, say source=jsonl; "
                "else wrap the entries in [ … ]"
            )
        raise UserError(f"{self.path} is not a JSON list: it begins with {head[:20]!r}, not with '['")
