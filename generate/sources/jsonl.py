"""One JSON object per line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from labelyard.generate.rows import Row, Rows, of_rows
from labelyard.generate.sources.common.json_objects import Objects
from labelyard.generate.sources.common.references import WithReference
from labelyard.utils.errors import UserError
from labelyard.utils.streams import lumps


@dataclass(kw_only=True)
class Jsonl(WithReference):
    suffixes = (".jsonl", ".ndjson")

    def entries(self) -> Iterator[Row]:
        for path in self.files():
            for first, lines in lumps(path):
                yield from self._one_by_one(path, first, lines)

    def rows(self) -> Iterator[Rows]:
        objects = Objects(self)
        for path in self.files():
            for first, lines in lumps(path):
                try:
                    found = objects.of_lines(lines)
                except (ValueError, RecursionError):  # an empty line, perhaps, or a byte order mark
                    yield of_rows(list(self._one_by_one(path, first, lines)))
                else:
                    yield objects.rows(found, partial(_where, path, first))

    def _one_by_one(self, path: Path, first: int, lines: list[bytes]) -> Iterator[Row]:
        for number, line in enumerate(lines, first):
            if line.strip():
                yield self._row(line, number, _where(path, 0, number))

    def _row(self, line: bytes, number: int, where: str) -> Row:
        try:
            row = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
        except UnicodeDecodeError as error:
            raise UserError(f"{where} is not UTF-8: {error.reason} at byte {error.start}") from None
        except ValueError as error:
            raise UserError(f"{where} is not JSON: {error}. It begins with {line[:40]!r}") from None
        except RecursionError:
            raise UserError(f"{where} is nested too deep to be read. It begins with {line[:40]!r}") from None
        return self.entry(row, where)


def _where(path: Path, first: int, number: int) -> str:
    return f"{path}, line {first + number}"
