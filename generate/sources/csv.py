"""A table as text, one row per image, with the names of its columns in the first row."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from labelyard.generate.rows import AT_ONCE, Entry, Refusal, Row, Rows, given_texts, of_rows
from labelyard.generate.settings import transient
from labelyard.generate.sources.common.references import WithReference
from labelyard.utils.errors import UserError
from labelyard.utils.jsons import objects_of, texts_of
from labelyard.utils.streams import Damaged, opened

Found = TypeVar("Found", Row, Rows)
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
NAMED = {**DELIMITERS, "\\t": "\t"}
EXCELS = re.compile(r'"?sep=(.)"?\s*')  # a first line that Excel writes and reads
LINES_OF_NAMES = 100  # at most, where a name of a column has line breaks in it
LONGEST_FIELD = 1 << 24  # more is a quote that was never closed


@dataclass(kw_only=True)
class Csv(WithReference):
    suffixes: ClassVar[tuple[str, ...]] = (".csv",)
    usual: ClassVar[str] = ","

    delimiter: str | None = transient(None)  # comma, semicolon, tab, pipe or any letter; null: found out
    # names of the columns of a file whose first row is a row like the others
    header: list[str] | None = field(default=None, metadata={"transient": True})
    encoding: str = transient("utf-8")  # of the file's letters
    quotes: bool = transient(True)  # false: a quotation mark is a letter like the others

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.delimiter is not None:
            given, self.delimiter = self.delimiter, NAMED.get(self.delimiter, self.delimiter)
            if len(self.delimiter) != 1 or self.delimiter in '"\r\n':
                raise UserError(f"source.delimiter={given}: give {', '.join(DELIMITERS)} or one letter")

    def entries(self) -> Iterator[Row]:
        for path in self.files():
            yield from self._read(path, self._one_by_one)

    def rows(self) -> Iterator[Rows]:
        for path in self.files():
            yield from self._read(path, self._together)

    def _read(self, path: Path, how: Callable[[Table], Iterator[Found]]) -> Iterator[Found]:
        csv.field_size_limit(LONGEST_FIELD)
        encoding = "utf-8-sig" if self.encoding.lower().replace("_", "-") in ("utf-8", "utf8") else self.encoding
        with opened(path) as file:
            try:
                delimiter, above = self._dialect(path, encoding)
                text = io.TextIOWrapper(file, encoding=encoding, newline="")
                for _ in range(above):
                    text.readline()
                rows = self._reader(text, delimiter)
                names = self.header or next(rows, None)
                if not names:
                    raise UserError(f"{path} is empty; the names of its columns are expected in the first row")
                yield from how(Table(rows, path, self._columns(names, path), delimiter))
            except UnicodeDecodeError:
                raise UserError(_not_text(path, encoding)) from None
            except LookupError:
                raise UserError(f"source.encoding={self.encoding}: no such encoding. Try latin-1 or utf-16") from None
            except csv.Error as error:
                where = f"{path}, line {rows.line_num}"
                raise UserError(f"{where}: {error}. {_stray(delimiter)}") from None
            except Damaged as error:
                raise UserError(f"{path}: {error}, after line {rows.line_num}. Fetch or make it again") from None

    def _one_by_one(self, table: Table) -> Iterator[Row]:
        width = table.columns.width
        for number, row in enumerate(table.rows, 1):
            if len(row) == width:
                yield self._entry(row, number, table)
            elif row:
                line = getattr(table.rows, "line_num", number)
                raise UserError(
                    f"{table.path}, row {number} (it ends on line {line}) has {len(row)} fields, the header has "
                    f"{width}: {table.delimiter.join(row)[:80]!r}. {_stray(table.delimiter)}"
                )

    def _together(self, table: Table) -> Iterator[Rows]:
        columns, first = table.columns, 1
        while some := list(islice(table.rows, AT_ONCE)):
            widths = set(map(len, some))
            if widths - {columns.width, 0}:
                for _ in self._read(table.path, self._one_by_one):
                    pass  # the line is known to a reader that is not ahead of it
            plain = 0 not in widths and columns.image >= 0 and max(columns.video, columns.reference) < 0
            images = [row[columns.image] for row in some] if plain else []
            if images and all(images):
                yield Rows(len(some), images, columns.captions(some), columns.given_texts(some))
            else:
                yield of_rows([self._entry(row, number, table) for number, row in enumerate(some, first) if row])
            first += len(some)

    def _entry(self, row: list[str], number: int, table: Table) -> Row:
        columns = table.columns
        image, video = (row[at] if at >= 0 else "" for at in (columns.image, columns.video))
        (caption,) = columns.captions([row])
        if (lacking := self.lacking(image, video, caption)) is not None:
            empty = f"'{self.image_key}' is empty"
            reason = empty if lacking == "has no image" else f"{lacking}: {empty}" if columns.image >= 0 else lacking
            return Refusal(f"{table.path}, row {number}", reason)
        known = self.reference_in(row[columns.reference]) if columns.reference >= 0 else None
        return Entry(image, caption, columns.given(row), known=known, video=video)

    def _reader(self, lines: Iterable[str], delimiter: str, strict: bool = True) -> Any:
        quoting = csv.QUOTE_MINIMAL if self.quotes else csv.QUOTE_NONE
        return csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=strict)  # type: ignore[arg-type]

    def _dialect(self, path: Path, encoding: str) -> tuple[str, int]:
        """What divides the fields, by the first line; and how many lines are above it."""
        with opened(path) as file:
            try:
                head = file.readline(LONGEST_FIELD)
                for more in islice(file, LINES_OF_NAMES):
                    if not self.quotes or head.count(b'"') % 2 == 0:
                        break
                    head += more  # the name of a column goes on in the next line
                line = head.decode(encoding, "ignore")
            except Damaged:
                return self.delimiter or self.usual, 0  # whoever reads it in earnest says it
        named = EXCELS.fullmatch(line)
        if named:
            return self.delimiter or named[1], 1
        return self.delimiter or self._likely(line), 0

    def _likely(self, line: str) -> str:
        """The usual one, as long as the columns that are needed come out by it as well as by another."""
        wanted = [key for key in (self.image_key, self.caption_key, self.video_key) if key is not None]

        def fit(delimiter: str) -> tuple[int, int]:
            try:
                # One that is quoted may go on in the next line: by this line alone that is no error.
                fields: list[str] = next(self._reader([line], delimiter, strict=False), [])
            except csv.Error:
                return 0, 0
            if self.header is not None:
                return int(len(fields) == len(self.header)), 0
            return sum(key in fields for key in wanted), len(fields) if self.image_key not in fields else 0

        return max((self.usual, *DELIMITERS.values()), key=fit)

    def _columns(self, names: list[str], path: Path) -> Columns:
        for option in ("image_key", "caption_key", "video_key", "reference_key"):
            key = getattr(self, option)
            if option == "image_key" and key not in names and "image" not in self.needs:
                continue
            if key is not None and key not in names:
                raise UserError(f"{path}: {self.no_key(option, names)}")
            if key is not None and names.count(key) > 1:
                raise UserError(f"{path}: two columns are called '{key}'. Rename one, or give source.header=[…]")
        keys = (self.image_key, self.caption_key, self.video_key, self.reference_key)
        taken = [names.index(key) if key in names else -1 for key in keys]
        others = [n for n in range(len(names)) if n not in taken]
        others = [n for n in others if self.keep is None or names[n] in self.keep]
        image, caption, video, reference = taken
        return Columns(len(names), image, caption, video, reference, others, [names[n] for n in others])


@dataclass(frozen=True)
class Columns:
    """Where in a row is what."""

    width: int
    image: int  # -1: there is none
    caption: int  # likewise
    video: int  # likewise
    reference: int  # likewise
    others: list[int]
    keys: list[str]

    def captions(self, rows: list[list[str]]) -> list[str]:
        return [row[self.caption] for row in rows] if self.caption >= 0 else [""] * len(rows)

    def given(self, row: list[str]) -> Mapping[str, Any]:
        return {key: row[at] for key, at in zip(self.keys, self.others, strict=True)}

    def given_texts(self, rows: list[list[str]]) -> list[str] | None:
        if not self.keys:
            return None
        if len(set(self.keys)) < len(self.keys):  # of columns with the same name the last one counts
            return given_texts([self.given(row) for row in rows])
        return objects_of(self.keys, [texts_of([row[at] for row in rows]) for at in self.others])


@dataclass(frozen=True)
class Table:
    """A file while it is read."""

    rows: Iterator[list[str]]
    path: Path
    columns: Columns
    delimiter: str


def _stray(delimiter: str) -> str:
    return (
        f"Is there a {delimiter!r} or a quotation mark inside a field that is not quoted? If quotation marks are mere "
        "letters in this file: source.quotes=false. If its fields are divided by something else: source.delimiter="
        f"{'semicolon' if delimiter != ';' else 'comma'} (or {', '.join(n for n in DELIMITERS if n != 'semicolon')})"
    )


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
