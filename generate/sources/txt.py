"""One image location per line, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from labelyard.generate.rows import Entry, Row, Rows
from labelyard.generate.source import Source
from labelyard.utils.errors import UserError
from labelyard.utils.streams import lumps


@dataclass(kw_only=True)
class Txt(Source):
    suffixes = (".txt", ".lst")

    caption_key: str | None = None

    def entries(self) -> Iterator[Row]:
        for path in self.files():
            for first, lines in lumps(path):
                for location in _locations(path, first, lines):
                    yield Entry(location, "")

    def rows(self) -> Iterator[Rows]:
        for path in self.files():
            for first, lines in lumps(path):
                found = _locations(path, first, lines)
                yield Rows(len(found), found, [""] * len(found))


def _locations(path: Path, first: int, lines: list[bytes]) -> list[str]:
    try:
        # Only a line feed ends a line, as in the file: a name may hold what Unicode counts as line breaks too.
        found = b"".join(lines).decode("utf-8-sig" if first == 1 else "utf-8").split("\n")
    except UnicodeDecodeError:
        for number, line in enumerate(lines, first):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                wrong = f"{path}, line {number} is not UTF-8: {error.reason} at byte {error.start}"
                raise UserError(wrong) from None
        raise
    return [location for line in found if (location := line.strip("\r")) and not location.isspace()]
