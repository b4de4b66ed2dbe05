"""One image location per line, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from generate.source import Entry, Row, Source
from utils.errors import UserError
from utils.streams import Damaged, opened


@dataclass(kw_only=True)
class Txt(Source):
    suffixes = (".txt", ".lst")

    caption_key: str | None = None

    def entries(self) -> Iterator[Row]:
        for path in self.files():
            yield from self._of(path)

    def _of(self, path: Path) -> Iterator[Row]:
        number = 0
        with opened(path) as file:
            try:
                for number, line in enumerate(file, 1):
                    location = line.decode("utf-8-sig" if number == 1 else "utf-8").strip("\r\n")
                    if location.strip():
                        yield Entry(location, "", has_caption=False)
            except UnicodeDecodeError as error:
                raise UserError(f"{path}, line {number} is not UTF-8: {error.reason} at byte {error.start}") from None
            except Damaged as error:
                raise UserError(f"{path}: {error}, after line {number}. Fetch or make it again") from None
