"""Batches of an Arrow table as a source's rows. What Parquet files and Hugging Face's datasets have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from labelyard.generate.rows import Entry, Refusal, Row, Rows, of_rows
from labelyard.generate.sources.common.references import WithReference
from labelyard.utils.errors import UserError, nearest
from labelyard.utils.graph200k import REFERENCE
from labelyard.utils.jsons import finite, objects_of, texts_of

if TYPE_CHECKING:
    from pyarrow import Array, DataType, Field, RecordBatch, Schema

Convert = Callable[[Any], Any]
Read = TypeVar("Read")


@dataclass(kw_only=True)
class ColumnSource(WithReference):
    name_key: str | None = (
        None  # the column that names an image inside the table; null: its place, such as a.parquet#17
    )
    images: list[str] | None = None  # further columns of images: side images of the record, read where they lie

    def gives(self) -> dict[str, tuple[str, ...]]:
        before = super().gives()
        images = tuple(f"images.{name}" for name in self.images or ())
        return {**before, "given": (*images, *before.get("given", ()))} if images else before

    def side_columns(self, schema: Schema, path: Path) -> dict[str, str]:
        """The columns of further images, by what the record calls these."""
        return {name: name for name in self.images or ()}

    def columns(self, schema: Schema, path: Path) -> Columns:
        return Columns(self, schema, path)

    def pieces(self) -> Iterator[Piece]:
        raise NotImplementedError

    def entries(self) -> Iterator[Row]:
        for piece in self.pieces():
            yield from piece.one_by_one()

    def rows(self) -> Iterator[Rows]:
        return (piece.together() for piece in self.pieces())


@dataclass(frozen=True)
class Piece:
    """Some rows of a table."""

    columns: Columns
    batch: RecordBatch
    first: int  # the number of the first row
    count: int
    label: str  # the table's name, to name images inside it by
    places: Iterator[dict[str, Any] | None] | None  # of images in the table, where the bytes of each are
    known: Iterator[dict[str, Any] | None] | None = None  # of further images, where the bytes of each are

    def one_by_one(self) -> list[Row]:
        return self._read(self.columns.rows)

    def together(self) -> Rows:
        if self.places is not None or self.known is not None:
            return of_rows(self.one_by_one())
        return self._read(self.columns.together) or of_rows(self.one_by_one())

    def _read(self, how: Callable[[Piece], Read]) -> Read:
        try:
            return how(self)
        except UnicodeDecodeError as error:
            raise UserError(f"{self.columns.no_text(self.batch, self.first)}: {error.reason}") from None


class Columns:
    """Which columns of a table are what, and how their values become JSON's."""

    def __init__(self, source: ColumnSource, schema: Schema, path: Path) -> None:
        self._source, self._path = source, path
        for option in ("image_key", "caption_key", "name_key", "video_key", "reference_key"):
            key = getattr(source, option)
            if option == "image_key" and key not in schema.names and "image" not in source.needs:
                continue
            if key is not None and schema.get_field_index(key) < 0:
                twice = schema.names.count(key) > 1
                what = f"two columns are called '{key}'" if twice else source.no_key(option, schema.names)
                raise UserError(f"{path}: {what}")
        self._caption, self._name, self._video = source.caption_key, source.name_key, source.video_key
        for key in filter(None, (self._caption, self._name, self._video)):
            _check_text(schema.field(key), path)
        self.image = source.image_key if source.image_key in schema.names else None
        self.cell = (
            _cell_of(schema.field(self.image), path) if self.image else None
        )  # where the bytes are, if the images are in the table
        side = source.side_columns(schema, path)
        self.side = {name: self._side_cell(schema, column) for name, column in side.items()}  # of each further image
        # Where the references are said by their locations; those that are inside are further images.
        self._reference = None
        if source.reference_key is not None:
            cell = _cell_of(schema.field(source.reference_key), path)
            if cell is None:
                self._reference = source.reference_key
            else:
                self.side[REFERENCE] = cell
        taken = {self.image, self._caption, self._video, source.reference_key, *side.values()}
        self._others = [
            name for name in schema.names if name not in taken and (source.keep is None or name in source.keep)
        ]
        self._convert = {name: _converter(schema.field(name), path) for name in self._others}

    def _side_cell(self, schema: Schema, name: str) -> str:
        if schema.get_field_index(name) < 0:
            likely = nearest(name, schema.names)
            hint = f" Did you mean {likely}?" if likely else ""
            raise UserError(f"{self._path}: source.images names '{name}', which is no column.{hint}")
        cell = _cell_of(schema.field(name), self._path)
        if cell is None or name == self.image:
            raise UserError(f"{self._path}: source.images names '{name}', which is no column of side images")
        return cell

    def wanted(self, embedded: bool, paths: bool) -> list[str]:
        """The columns to read; of images in the table at most what is beside their bytes."""
        image = self.image if self.cell is None else self.cell.replace(".bytes", ".path")
        named = (
            image if paths and not (embedded and image == self.cell) else None,
            self._caption,
            self._name,
            self._video,
            self._reference,
        )
        return list(dict.fromkeys([*filter(None, named), *self._others]))

    def rows(self, piece: Piece) -> list[Row]:
        batch, nothing, keys = piece.batch, [None] * piece.count, self._others
        captions = nothing if self._caption is None else _listed(batch.column(self._caption))
        videos = nothing if self._video is None else _listed(batch.column(self._video))
        values = [self._values(batch, name) for name in keys]
        others: Any = zip(*values, strict=True) if values else repeat((), piece.count)
        known_of = piece.known if self._reference is None else self._with_references(piece)
        if piece.places is not None:
            names = nothing if self._name is None else _listed(batch.column(self._name))
            places = list(piece.places)
            paths = self._locations(piece) if None in places and self._has_paths(piece) else nothing
            rows = zip(places, paths, names, captions, videos, others, known_of or nothing, strict=True)
            return list(self._embedded(piece.first, piece.label, rows))
        return [
            Refusal(f"{self._path}, row {number}", self._why(lacking, image))
            if (lacking := self._source.lacking(image, video, caption)) is not None
            else Entry(image or "", caption or "", dict(zip(keys, other, strict=True)), known=known, video=video or "")
            for number, (image, caption, video, other, known) in enumerate(
                zip(self._locations(piece), captions, videos, others, known_of or nothing, strict=True), piece.first
            )
        ]

    def _with_references(self, piece: Piece) -> Iterator[Mapping[str, Any] | None]:
        locations = _listed(piece.batch.column(self._reference))
        for location, known in zip(locations, piece.known or repeat(None, piece.count), strict=True):
            reference = self._source.reference_in(location)
            yield {**(known or {}), **reference} if reference else known

    def _why(self, lacking: str, image: str | None) -> str:
        detail = f"'{self.image}' is {'null' if image is None else 'empty'}"
        return detail if lacking == "has no image" else f"{lacking}: {detail}" if self.image else lacking

    def together(self, piece: Piece) -> Rows | None:
        """None where a row is no item."""
        locations = [location for location in self._locations(piece) if location]
        if self._video is not None or self._reference is not None or len(locations) < piece.count:
            return None
        captions = [""] * piece.count if self._caption is None else _listed(piece.batch.column(self._caption))
        if None in captions:
            captions = [caption or "" for caption in captions]
        keys = self._others
        given = objects_of(keys, [self._texts(piece.batch, name) for name in keys]) if keys else None
        return Rows(piece.count, locations, captions, given)

    def no_text(self, batch: RecordBatch, first: int) -> str:
        """Where the bytes are that are no text."""
        for name in batch.schema.names:
            for number, value in enumerate(batch.column(name), first):
                try:
                    value.as_py()
                except UnicodeDecodeError:
                    return f"{self._path}, row {number}: '{name}' is not UTF-8"
        return f"{self._path}, rows from {first}: not UTF-8"

    def _has_paths(self, piece: Piece) -> bool:
        """Of rows without an image inside: whether it is said where it lies."""
        read = piece.batch is not None and self.image in piece.batch.schema.names
        return read and self.cell is not None and self.cell.endswith(".bytes")

    def _locations(self, piece: Piece) -> list[str | None]:
        if self.image is None:
            return [None] * piece.count
        locations = piece.batch.column(self.image)
        return _listed(locations if self.cell is None else locations.field("path"))

    def _embedded(self, first: int, label: str, rows: Any) -> Iterator[Row]:
        for number, (place, path, name, caption, video, other, known) in enumerate(rows, first):
            if (lacking := self._source.lacking(place or path, video, caption)) is not None:
                yield Refusal(f"{self._path}, row {number}", self._why(lacking, None))
            elif self._name is not None and place is not None and not name:
                yield Refusal(f"{self._path}, row {number}", f"'{self._name}' is null, and is to name the image")
            else:
                given = dict(zip(self._others, other, strict=True))
                given.pop(self._name, None)
                image = path or "" if place is None else name or f"{label}#{number}"
                yield Entry(image, caption or "", given, place=place, known=known, video=video or "")

    def _texts(self, batch: RecordBatch, name: str) -> list[str]:
        convert = self._convert[name]
        return texts_of(_listed(batch.column(name)) if convert is finite else self._values(batch, name))

    def _values(self, batch: RecordBatch, name: str) -> list[Any]:
        values = _listed(batch.column(name))
        convert = self._convert[name]
        return values if convert is None else [None if value is None else convert(value) for value in values]


def _listed(column: Array) -> list[Any]:
    """As `to_pylist` has it, several times as fast for what tables are full of."""
    from pyarrow import types

    kind = column.type
    text = types.is_string(kind) or types.is_large_string(kind)
    number = (types.is_integer(kind) or types.is_boolean(kind) or types.is_float64(kind)) and column.null_count == 0
    if not text and not number:
        return list(column.to_pylist())
    from pyarrow import ArrowException

    try:
        values: list[Any] = column.to_numpy(zero_copy_only=False).tolist()
    except ArrowException:
        values = column.to_pylist()  # says what is wrong
    return values


def _check_text(field: Field, path: Path) -> None:
    if not _is_text(field.type):
        raise UserError(f"{path}: the column '{field.name}' is {field.type}, not text")


def _is_text(kind: DataType) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    return any(said(kind) for said in (types.is_string, types.is_large_string, types.is_string_view, types.is_null))


def _is_bytes(kind: DataType) -> bool:
    from pyarrow import types

    return any(said(kind) for said in (types.is_binary, types.is_large_binary, types.is_binary_view))


def _cell_of(field: Field, path: Path) -> str | None:
    from pyarrow import types

    if _is_text(field.type):
        return None
    if _is_bytes(field.type):
        return str(field.name)
    if types.is_struct(field.type) and {"bytes", "path"} <= {inner.name for inner in field.type}:
        return f"{field.name}.bytes"
    raise UserError(
        f"{path}: the column '{field.name}' is {field.type}: neither locations (text) nor images (bytes, or "
        "Hugging Face's struct of bytes and path). Name the right one with source.image_key=…"
    )


def _converter(field: Field, path: Path) -> Convert | None:
    """From what pyarrow makes of a value to what JSON has; None if these are the same."""
    from pyarrow import types

    kinds = list(_leaves(field.type))
    if any(_is_bytes(kind) or types.is_fixed_size_binary(kind) for kind in kinds):
        raise UserError(
            f"{path}: the column '{field.name}' holds bytes, which a record can't pass on. Name the columns that shall "
            "pass through: 'source.keep=[…]' (an empty list for none), and those of images: 'source.images=[…]'"
        )
    if all(_is_text(k) or types.is_integer(k) or types.is_boolean(k) for k in kinds):
        return None
    if all(_is_text(k) or types.is_integer(k) or types.is_boolean(k) or types.is_floating(k) for k in kinds):
        return finite
    return _plain


def _leaves(kind: DataType) -> Iterator[DataType]:
    from pyarrow import types

    if types.is_map(kind):
        yield from (*_leaves(kind.key_type), *_leaves(kind.item_type))
    elif types.is_nested(kind) and not types.is_struct(kind) and hasattr(kind, "value_type"):
        yield from _leaves(kind.value_type)
    elif types.is_struct(kind):
        for inner in kind:
            yield from _leaves(inner.type)
    else:
        yield kind


def _plain(value: Any) -> Any:
    """Moments, dates and decimals become text, as they are written."""
    if isinstance(value, dict):
        return {str(key): _plain(below) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(below) for below in value]
    if value is None or isinstance(value, str | int | float):
        return finite(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def byte_ranges(cells: Array, base: int, length: int, file: str) -> Iterator[dict[str, Any] | None]:
    """Where each value of a binary column lies in the file that is mapped at `base`."""
    import numpy as np
    from pyarrow import types

    width = np.dtype("<i8") if types.is_large_binary(cells.type) else np.dtype("<i4")
    _, offsets, data = cells.buffers()
    if data is None or cells.null_count == len(cells):  # of which no place in the file is to be told
        yield from repeat(None, len(cells))
        return
    start = data.address - base
    if not 0 <= start <= length:
        raise UserError(f"{file} is compressed, so its images can't be read in place. Save it without compression")
    ends = np.frombuffer(offsets, width)[cells.offset : cells.offset + len(cells) + 1].tolist()
    valid = cells.is_valid().to_pylist()
    for n, there in enumerate(valid):
        yield {"file": file, "offset": start + ends[n], "bytes": ends[n + 1] - ends[n]} if there else None
