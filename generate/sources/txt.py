"""One image location per line (or one of a video, or one text), and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from labelyard.generate.rows import Entry, Row, Rows
from labelyard.generate.settings import setting
from labelyard.generate.source import Source
from labelyard.utils.errors import UserError
from labelyard.utils.streams import lumps


@dataclass(kw_only=True)
class Txt(Source):
    suffixes = (".txt", ".lst")

    caption_key: str | None = None
    lines: str = setting("images", words=("images", "videos", "texts"))  # what each of them is

    def brings(self) -> tuple[str, ...]:
        return {"images": ("image",), "videos": ("video",), "texts": ("caption",)}[self.lines]

    def entries(self) -> Iterator[Row]:
        for path in self.files():
            for first, lines in lumps(path):
                for line in _locations(path, first, lines):
                    if self.lines == "images":
                        yield Entry(line, "")
                    else:
                        yield Entry("", "", video=line) if self.lines == "videos" else Entry("", line)

    def rows(self) -> Iterator[Rows]:
        for path in self.files():
            for first, lines in lumps(path):
                found = _locations(path, first, lines)
                nothing = [""] * len(found)
                if self.lines == "images":
                    yield Rows(len(found), found, nothing)
                elif self.lines == "videos":
                    yield Rows(len(found), nothing, nothing, videos=found)
                else:
                    yield Rows(len(found), nothing, found)


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
