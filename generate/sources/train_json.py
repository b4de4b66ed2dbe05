"""One JSON list of objects: [{"image": …, "caption": …}, …], read as a stream however long it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader

from generate.source import Row, Source
from utils.errors import UserError
from utils.streams import Damaged, opened
from utils.text import one_line


@dataclass(kw_only=True)
class TrainJson(Source):
    suffixes = (".json",)

    def entries(self) -> Iterator[Row]:
        import ijson

        with opened(self.readable()) as file:
            number = -1
            try:
                self._check_list(file)
                for number, row in enumerate(ijson.items(file, "item", use_float=True)):
                    yield self.entry(row, f"{self.path}: entry {number}")
            except (ijson.JSONError, UnicodeDecodeError) as error:
                raise UserError(
                    f"{self.path} is not whole JSON: after entry {number}, {one_line(str(error))}. "
                    "Was it cut off, or does it hold one object per line (then source=jsonl)?"
                ) from None
            except Damaged as error:
                raise UserError(f"{self.path}: {error}, after entry {number}. Fetch or make it again") from None

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
