"""One JSON list of objects: [{"image": …, "caption": …}, …], read as a stream however long it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from io import BufferedReader
from itertools import islice
from typing import Any

from labelyard.generate.rows import AT_ONCE, Row, Rows, joined
from labelyard.generate.settings import transient
from labelyard.generate.sources.common.json_objects import Objects
from labelyard.generate.sources.common.references import WithReference
from labelyard.utils.errors import UserError
from labelyard.utils.json_stream import NotAList, Parse, lumps
from labelyard.utils.jsons import parse
from labelyard.utils.streams import Damaged, opened
from labelyard.utils.text import one_line

LOOKED_AT = 100_000  # pieces of a file that is no list, for the list in it


@dataclass(kw_only=True)
class TrainJson(WithReference):
    suffixes = (".json",)

    list_key: str | None = transient(None)  # where the list is the value of a key: data in {"data": […]}

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
        if self.list_key is not None:
            yield from self._below(self.list_key)
            return
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

    def _below(self, key: str) -> Iterator[tuple[int, list[Any]]]:
        import ijson

        count = 0
        with opened(self.readable()) as file:
            _skip_mark(file)
            try:
                entries = ijson.items(file, f"{key}.item", use_float=True)
                while some := list(islice(entries, AT_ONCE)):
                    yield count, some
                    count += len(some)
            except (ijson.JSONError, UnicodeDecodeError) as error:
                raise UserError(
                    f"{self.path} is not whole JSON: after entry {count - 1}, {one_line(str(error))}. Was it cut off?"
                ) from None
            except Damaged as error:
                raise UserError(f"{self.path}: {error}, after entry {count - 1}. Fetch or make it again") from None
        if not count:
            likely = self._list_inside()
            hint = f"Did you mean source.list_key={likely}?" if likely else "If it is a list itself, leave it out"
            raise UserError(f"{self.path} has no entries below source.list_key={key}. {hint}")

    def _list_inside(self) -> str | None:
        """The key of the first list of objects in the file's object."""
        import ijson

        with opened(self.readable()) as file, suppress(ijson.JSONError, UnicodeDecodeError, Damaged):
            _skip_mark(file)
            last = ""
            for prefix, event, _ in islice(ijson.parse(file, use_float=True), LOOKED_AT):
                if event == "start_map" and last and prefix == f"{last}.item":
                    return last
                last = prefix if event == "start_array" and not f".{prefix}.".count(".item.") else ""
        return None

    def _check_list(self, file: BufferedReader) -> None:
        """A list begins with '['. The position is left behind a byte order mark, if there is one."""
        _skip_mark(file)
        head = file.peek(4096)
        first = head.lstrip()[:1]
        if first == b"[":
            return
        if not head:
            raise UserError(f"{self.path} is empty; a JSON list of {{'image': …, 'caption': …}} is expected")
        if first == b"{":
            key = self._list_inside()
            raise UserError(
                f"{self.path} holds an object, not a list. "
                + (
                    f"Its key '{key}' holds one: source=train_json source.list_key={key}"
                    if key
                    else "If it is one object per line, say source=jsonl; else wrap the entries in [ … ]"
                )
            )
        raise UserError(f"{self.path} is not a JSON list: it begins with {head[:20]!r}, not with '['")


def _skip_mark(file: BufferedReader) -> None:
    """The byte order mark, if there is one."""
    if file.peek(3).startswith(b"\xef\xbb\xbf"):
        file.read(3)
