"""A table as text, one row per image, with the names of its columns in the first row."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import ClassVar

from generate.source import Entry, Refusal, Row, Source
from utils.errors import UserError
from utils.streams import Damaged, opened

LONGEST_FIELD = 1 << 24  # more is a quote that was never closed


@dataclass(kw_only=True)
class Csv(Source):
    suffixes: ClassVar[tuple[str, ...]] = (".csv",)
    delimiter: ClassVar[str] = ","

    header: list[str] | None = None  # names of the columns of a file whose first row is a row like the others
    encoding: str = "utf-8"  # of the file's letters
    quotes: bool = True  # false: a quotation mark is a letter like the others

    def entries(self) -> Iterator[Row]:
        for path in self.files():
            yield from self._of(path)

    def _of(self, path: Path) -> Iterator[Row]:
        csv.field_size_limit(LONGEST_FIELD)
        encoding = "utf-8-sig" if self.encoding.lower().replace("_", "-") in ("utf-8", "utf8") else self.encoding
        number = 0
        with opened(path) as file:
            try:
                text = io.TextIOWrapper(file, encoding=encoding, newline="")
                quoting = csv.QUOTE_MINIMAL if self.quotes else csv.QUOTE_NONE
                rows = csv.reader(text, delimiter=self.delimiter, quoting=quoting, strict=True)  # type: ignore[arg-type]
                names = self.header or next(rows, None)
                if not names:
                    raise UserError(f"{path} is empty; the names of its columns are expected in the first row")
                yield from self._rows(rows, names, path)
            except UnicodeDecodeError:
                raise UserError(_not_text(path, encoding)) from None
            except LookupError:
                raise UserError(f"source.encoding={self.encoding}: no such encoding. Try latin-1 or utf-16") from None
            except csv.Error as error:
                where = f"{path}, line {rows.line_num}"
                raise UserError(f"{where}: {error}. {self._stray()}") from None
            except Damaged as error:
                number = rows.line_num
                raise UserError(f"{path}: {error}, after line {number}. Fetch or make it again") from None

    def _rows(self, rows: Iterator[list[str]], names: list[str], path: Path) -> Iterator[Row]:
        make = self._maker(names, path)
        width = len(names)
        for number, row in enumerate(rows, 1):
            if len(row) != width:
                if not row:
                    continue
                line = getattr(rows, "line_num", number)
                raise UserError(
                    f"{path}, row {number} (it ends on line {line}) has {len(row)} fields, the header has {width}: "
                    f"{self.delimiter.join(row)[:80]!r}. {self._stray()}"
                )
            entry = make(row)
            yield entry if entry is not None else Refusal(f"{path}, row {number}", f"'{self.image_key}' is empty")

    def _stray(self) -> str:
        return (
            f"Is there a {self.delimiter!r} or a quotation mark inside a field that is not quoted? "
            "If quotation marks are mere letters in this file: source.quotes=false"
        )

    def _maker(self, names: list[str], path: Path) -> Callable[[list[str]], Entry | None]:
        """From a row's fields to its entry, with as little work for each row as can be."""
        for option in ("image_key", "caption_key"):
            key = getattr(self, option)
            if key is not None and key not in names:
                raise UserError(f"{path}: {self.no_key(option, names)}")
            if key is not None and names.count(key) > 1:
                raise UserError(f"{path}: two columns are called '{key}'. Rename one, or give source.header=[…]")
        image = names.index(self.image_key)
        caption = -1 if self.caption_key is None else names.index(self.caption_key)
        others = [n for n, name in enumerate(names) if n not in (image, caption)]
        others = [n for n in others if self.keep is None or names[n] in self.keep]
        keys = [names[n] for n in others]
        pick = itemgetter(*others) if len(others) > 1 else (lambda row: [row[n] for n in others])

        def make(row: list[str]) -> Entry | None:
            location = row[image]
            if not location:
                return None
            given = dict(zip(keys, pick(row), strict=True)) if keys else {}
            return Entry(location, row[caption] if caption >= 0 else "", given)

        return make


def _not_text(path: Path, encoding: str) -> str:
    """Where the first byte is that is no text: looked up again, since the reader is ahead of what it has given out."""
    with opened(path) as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError as error:
                wrong = f"{path}, line {number} is not {encoding}: {error.reason} at byte {error.start}, {line[:40]!r}"
                return f"{wrong}. If the file has another encoding, name it, for example source.encoding=latin-1"
    return f"{path} is not {encoding}. Name its encoding, for example source.encoding=latin-1"
