"""Parquet: one file, a pattern, or a folder of them. A column holds the images' locations, or the images themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelyard.generate.sources.common.arrow_columns import Columns, ColumnSource, Piece
from labelyard.utils.errors import UserError

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

ROWS = 8192  # read at a time
PACKED = 8  # times as much to parse as lies on the disk, roughly


@dataclass(kw_only=True)
class Parquet(ColumnSource):
    suffixes = (".parquet", ".pq")

    def bulk(self) -> int:
        return PACKED * super().bulk()

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
        for count, batch in _batches(table, columns.wanted(embedded)):
            places = _places(label, columns, first, count) if embedded else None
            yield Piece(columns, batch, first, count, label, places)
            first += count


def _batches(table: ParquetFile, wanted: list[str]) -> Iterator[tuple[int, Any]]:
    for group in range(table.num_row_groups):
        if not wanted:  # nothing but the images, which stay where they are
            yield table.metadata.row_group(group).num_rows, None
            continue
        # One group after another: asked for all of them, the reader keeps what it has read of each.
        for batch in table.iter_batches(batch_size=ROWS, row_groups=[group], columns=wanted):
            yield batch.num_rows, batch


def _places(file: str, columns: Columns, first: int, count: int) -> Iterator[dict[str, Any]]:
    return ({"file": file, "row": row, "column": columns.cell} for row in range(first, first + count))


def _all_null(table: ParquetFile, cell: str) -> bool:
    """Whether no row holds an image, by the file's own statistics: then the paths beside them say where they are."""
    nulls = 0
    for group in range(table.num_row_groups):
        row_group = table.metadata.row_group(group)
        for n in range(row_group.num_columns):
            column = row_group.column(n)
            if column.path_in_schema == cell:
                statistics = column.statistics
                if statistics is None or not statistics.has_null_count:
                    return False
                nulls += statistics.null_count
    rows: int = table.metadata.num_rows
    return nulls == rows
