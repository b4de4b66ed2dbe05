"""One JSON object per line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from generate.source import Entry, Source
from utils.errors import UserError


@dataclass(kw_only=True)
class Jsonl(Source):
    suffixes = (".jsonl", ".ndjson")

    def entries(self) -> Iterator[Entry]:
        with self.readable().open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                where = f"{self.path}, line {number}"
                try:
                    row = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
                except UnicodeDecodeError as error:
                    raise UserError(f"{where} is not UTF-8: {error.reason} at byte {error.start}") from None
                except ValueError as error:
                    raise UserError(f"{where} is not JSON: {error}. It begins with {line[:40]!r}") from None
                except RecursionError:
                    raise UserError(f"{where} is nested too deep to be read. It begins with {line[:40]!r}") from None
                yield self.entry(row, where)
