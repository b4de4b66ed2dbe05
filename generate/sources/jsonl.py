"""One JSON object per line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from generate.source import Row, Source
from utils.errors import UserError
from utils.streams import Damaged, opened


@dataclass(kw_only=True)
class Jsonl(Source):
    suffixes = (".jsonl", ".ndjson")

    def entries(self) -> Iterator[Row]:
        for path in self.files():
            yield from self._of(path)

    def _of(self, path: Path) -> Iterator[Row]:
        number = 0
        with opened(path) as file:
            try:
                for number, line in enumerate(file, 1):
                    if line.strip():
                        yield self._row(line, number, f"{path}, line {number}")
            except Damaged as error:
                raise UserError(f"{path}: {error}, after line {number}. Fetch or make it again") from None

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
