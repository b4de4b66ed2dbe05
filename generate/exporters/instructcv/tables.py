"""The layout `parquet`: a row per sample, with Hugging Face's features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from labelyard.generate.exporter import Damage
from labelyard.generate.exporters.instructcv.layouts import features
from labelyard.utils.atomic import replacing

FILES = "*-[0-9][0-9][0-9][0-9][0-9].parquet"


class Tables:
    """The files of a part, one per subset, that take rows as they come."""

    def __init__(self, dest: Path, number: int, subsets: Sequence[str]) -> None:
        self._paths = {name: dest / f"{name or 'data'}-{number:05d}.parquet" for name in subsets}
        self._writers: dict[str, Any] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Tables:
        if self._paths:
            import pyarrow.parquet

            self._schema = features().arrow_schema
            for name, path in self._paths.items():
                file = self._stack.enter_context(replacing(path))
                self._writers[name] = self._stack.enter_context(pyarrow.parquet.ParquetWriter(file, self._schema))
        return self

    def add(self, rows: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """With the subset of each."""
        if not self._writers:  # another layout, which wants no library for tables
            return
        import pyarrow

        for name, writer in self._writers.items():
            if mine := [row for subset, row in rows if subset == name]:
                writer.write_table(pyarrow.Table.from_pylist(mine, schema=self._schema))

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)


def card(subsets: Sequence[str]) -> str:
    """By which `datasets` knows which of the files are tables, and of what."""
    lines = [f"  - split: {name or 'train'}\n    path: {name or 'data'}-*.parquet" for name in subsets]
    return "\n".join(["---", "configs:", "- config_name: default", "  data_files:", *lines, "---", ""])


def remove_others(dest: Path, parts: int) -> None:
    """Of a run that had more records."""
    for path in dest.glob(FILES):
        if int(path.stem.rpartition("-")[2]) >= parts:
            path.unlink()


def check(dest: Path, expected: int) -> None:
    import pyarrow.parquet
    from datasets import Features

    rows = 0
    for path in sorted(dest.glob(FILES)):
        with pyarrow.parquet.ParquetFile(path) as table:
            if Features.from_arrow_schema(table.schema_arrow) != features():
                raise Damage(f"{path}: datasets reads other features than were meant")
            rows += table.metadata.num_rows
    if rows != expected:
        raise Damage(f"{dest} has {rows} rows, {expected} were written")
