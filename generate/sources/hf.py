"""A Hugging Face dataset as `save_to_disk` leaves it: Arrow files, and a state.json that lists them in order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelyard.generate.settings import transient
from labelyard.generate.sources.common.arrow_columns import ColumnSource, Piece, byte_ranges
from labelyard.utils.errors import UserError


@dataclass(kw_only=True)
class Hf(ColumnSource):
    """Images inside are read where they lie in the Arrow file, byte by byte; nothing is unpacked."""

    split: str | None = transient(None)  # of a folder with several

    @classmethod
    def recognises(cls, path: Path) -> bool:
        return (path / "state.json").exists() or (path / "dataset_dict.json").exists()

    def files(self) -> list[Path]:
        folder = self._folder()
        state = _read(folder / "state.json")
        if state.get("_indices_files"):
            raise UserError(
                f"{folder} picks its rows by an index beside the data. Save it again after flatten_indices()"
            )
        return [self.readable(folder / entry["filename"]) for entry in state["_data_files"]]

    def _folder(self) -> Path:
        folder = Path(self.path)
        if (folder / "dataset_dict.json").exists():
            splits = _read(folder / "dataset_dict.json")["splits"]
            if self.split not in splits:
                raise UserError(f"{folder} has the splits {', '.join(splits)}. Choose one with source.split=…")
            return folder / str(self.split)
        if not (folder / "state.json").exists():
            raise UserError(
                f"source.path={self.path} has no state.json: it is no folder that `save_to_disk` made. "
                "If it holds .parquet files, say source=parquet"
            )
        return folder

    def pieces(self) -> Iterator[Piece]:
        try:
            import pyarrow
        except ImportError:
            raise UserError("source=hf needs the package pyarrow. Try: pip install -e '.[formats]'") from None
        for path in self.files():
            number = 0
            try:
                for piece in self._of(path):
                    yield piece
                    number += piece.count
            except (pyarrow.ArrowException, OSError) as error:
                after = f"after row {number - 1}: " if number else ""
                raise UserError(f"{path} can't be read as Arrow: {after}{error}. Was it cut off?") from None

    def _of(self, path: Path) -> Iterator[Piece]:
        import pyarrow

        root, file = Path(self.image_root()).resolve(), path.resolve()
        label = file.relative_to(root).as_posix() if file.is_relative_to(root) else str(file)
        with pyarrow.memory_map(str(path)) as mapped:
            content = mapped.read_buffer()
            reader = pyarrow.ipc.open_stream(content)
            columns = self.columns(reader.schema, path)
            first = 0
            for batch in reader:
                places = self._places(columns.cell, batch, content, label)
                known = _known(columns.side, batch, content, label, places is None) if columns.side else None
                yield Piece(columns, batch, first, batch.num_rows, label, places, known)
                first += batch.num_rows

    def _places(self, cell: str | None, batch: Any, content: Any, label: str) -> Iterator[dict[str, Any] | None] | None:
        if cell is None:
            return None
        cells = _bytes_in(batch.column(self.image_key), cell)
        if cells.null_count == len(cells) and cell.endswith(".bytes"):
            return None  # only the paths beside them are there
        return byte_ranges(cells, content.address, content.size, label)


def _known(
    side: dict[str, str], batch: Any, content: Any, file: str, name_file: bool
) -> Iterator[dict[str, Any] | None]:
    """Where the side images of each row lie. Where the file is said by the image's place, it is not said again."""
    columns = {name: _bytes_in(batch.column(cell.removesuffix(".bytes")), cell) for name, cell in side.items()}
    ranges = [byte_ranges(column, content.address, content.size, file) for column in columns.values()]
    for places in zip(*ranges, strict=True):
        images = {n: [place["offset"], place["bytes"]] for n, place in zip(side, places, strict=True) if place}
        yield {**({"file": file} if name_file else {}), "images": images} if images else None


def _bytes_in(column: Any, cell: str) -> Any:
    """Null where the struct around them is."""
    return column.flatten()[column.type.get_field_index("bytes")] if cell.endswith(".bytes") else column


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(f"{path} can't be read: {error}. Was the folder copied whole?") from None
    assert isinstance(found, dict)
    return found
