"""Parquet: one file, a pattern, or a folder of them. A column holds the images' locations, or the images themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelyard.generate.sources.common.arrow_columns import Columns, ColumnSource, Piece
from labelyard.utils.errors import UserError

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

ROWS = 8192  # read at a time
NULLS_AT_ONCE = 16  # cells of images, that are read to see which are none


@dataclass(kw_only=True)
class Parquet(ColumnSource):
    suffixes = (".parquet", ".pq")

    def pieces(self) -> Iterator[Piece]:
        try:
            import pyarrow.parquet
        except ImportError:
            raise UserError("source=parquet needs the package pyarrow. Try: pip install -e '.[formats]'") from None
        root = Path(self.image_root()).resolve()
        for path in self.files():
            number = 0
            try:
                with pyarrow.parquet.ParquetFile(path) as table:
                    for piece in self._of(table, path, root):
                        yield piece
                        number += piece.count
            except (pyarrow.ArrowException, OSError) as error:
                after = f"after row {number - 1}: " if number else ""
                raise UserError(
                    f"{path} can't be read as Parquet: {after}{error}. Was it cut off? Fetch or make it again"
                ) from None

    def _of(self, table: ParquetFile, path: Path, root: Path) -> Iterator[Piece]:
        columns = self.columns(table.schema_arrow, path)
        embedded = columns.cell is not None and not _all_null(table, columns.cell)
        file = path.resolve()
        label = file.relative_to(root).as_posix() if file.is_relative_to(root) else str(file)
        first = 0
        for group in range(table.num_row_groups):
            there = _cells_there(table, group, columns)
            images = _images_there(table, group, columns.cell) if embedded else repeat(True)
            lacking = bool(embedded and columns.cell and _nulls(table, group, columns.cell))
            for count, batch in _batches(table, group, columns.wanted(embedded, paths=lacking or not embedded)):
                places = _places(label, columns, first, count, images) if embedded else None
                known = _known(label, columns, first, count, there, embedded) if columns.side else None
                yield Piece(columns, batch, first, count, label, places, known)
                first += count


def _batches(table: ParquetFile, group: int, wanted: list[str]) -> Iterator[tuple[int, Any]]:
    if not wanted:  # nothing but the images, which stay where they are
        yield table.metadata.row_group(group).num_rows, None
        return
    # One group after another: asked for all of them, the reader keeps what it has read of each.
    for batch in table.iter_batches(batch_size=ROWS, row_groups=[group], columns=wanted):
        yield batch.num_rows, batch


def _known(
    file: str, columns: Columns, first: int, count: int, there: Mapping[str, Iterator[bool]], embedded: bool
) -> Iterator[dict[str, Any] | None]:
    """The cells of side images that are not null. Where the row is said by the image's place, it is not said again."""
    for row in range(first, first + count):
        cells = [cell for name, cell in columns.side.items() if next(there[name])]
        plain = all(cell.removesuffix(".bytes") in columns.side for cell in cells)
        named: Any = cells if plain else {name: cell for name, cell in columns.side.items() if cell in cells}
        where = {} if embedded else {"file": file, "row": row}
        yield {**where, "columns": named} if cells else None


def _cells_there(table: ParquetFile, group: int, columns: Columns) -> dict[str, Iterator[bool]]:
    """Of each side image's column, whether the next cell of this group holds one."""
    return {name: _not_null(table, group, cell) for name, cell in columns.side.items()}


def _not_null(table: ParquetFile, group: int, cell: str) -> Iterator[bool]:
    """By the file's own statistics; a column with some nulls has to be read, a few cells at a time."""
    rows, nulls = table.metadata.row_group(group).num_rows, _nulls(table, group, cell)
    if nulls in (0, rows):
        yield from repeat(nulls == 0, rows)
        return
    for batch in table.iter_batches(batch_size=NULLS_AT_ONCE, row_groups=[group], columns=[cell]):
        column = batch.column(0)
        yield from (column.flatten()[0] if cell.endswith(".bytes") else column).is_valid().to_pylist()


def _nulls(table: ParquetFile, group: int, cell: str) -> int | None:
    """None where the file does not say it."""
    row_group = table.metadata.row_group(group)
    for n in range(row_group.num_columns):
        column = row_group.column(n)
        if column.path_in_schema == cell:
            statistics = column.statistics
            nulls: int | None = statistics.null_count if statistics is not None and statistics.has_null_count else None
            return nulls
    return None


def _images_there(table: ParquetFile, group: int, cell: str | None) -> Iterator[bool]:
    """Whether the next row has an image. Where the file does not say it, as if all had one: who loads it will tell."""
    return _not_null(table, group, cell) if cell and _nulls(table, group, cell) is not None else repeat(True)


def _places(
    file: str, columns: Columns, first: int, count: int, there: Iterator[bool]
) -> Iterator[dict[str, Any] | None]:
    for row in range(first, first + count):
        yield {"file": file, "row": row, "column": columns.cell} if next(there) else None


def _all_null(table: ParquetFile, cell: str) -> bool:
    """Whether no row holds an image, by the file's own statistics: then the paths beside them say where they are."""
    nulls = [_nulls(table, group, cell) for group in range(table.num_row_groups)]
    rows: int = table.metadata.num_rows
    return None not in nulls and sum(filter(None, nulls)) == rows
