"""Where images lie that are no files of their own: so many bytes of a larger file (a tar, an Arrow file), a cell of a
Parquet table, or a row of an HDF5 file. Nothing is unpacked; a worker reads just what it needs.

{"file": "00000.tar", "offset": 1536, "bytes": 48213}
{"file": "train.parquet", "row": 17, "column": "image.bytes"}
{"file": "nyu_depth_v2_labeled.mat", "row": 17, "hdf5": "images"}
{"file": "/runs/first/records/00000/label_….json", "record": true}
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from labelyard.generate.errors import ItemError, PassingError
from labelyard.generate.file_system import UNWELL
from labelyard.generate.media.parts import cut
from labelyard.generate.record_json.body import image_in_record
from labelyard.utils.images import UnreadableImage, decode_as_it_is, encode_png
from labelyard.utils.locations import local

PLACE = ("file", "offset", "bytes", "row", "column", "hdf5", "record", "part")  # the keys of a place
MOST_BYTES = 2_000_000_000
OPEN_FILES = 8  # per thread
OPEN_COLUMNS = 64  # of tables: Graph200K has 31 in each row
CELLS_AT_ONCE = 16  # rows of a table that are unpacked together
BUFFER = 1 << 20  # bytes of a column that are read at once, not all that a group of rows has
PATIENT_ROWS = 1024  # so far ahead is read on; what lies further is looked up anew
_local = threading.local()


def resolve(location: str, root: str | None) -> Path:
    """Where an image lies. An absolute location stands for itself, and so do ~/… and file://…"""
    return Path(root or ".") / (local(location) if location.startswith(("~/", "file://")) else location)


def read_reference(place: Mapping[str, Any], root: str | None, item_id: str) -> bytes:
    """What lies at a place that a record knows; `{"file": F}` alone is the whole file."""
    if "part" in place:
        return _part(place, root, item_id)
    path = resolve(place["file"], root)
    try:
        if place.keys() & {"offset", "row", "record"}:
            return read_place(place, path, MOST_BYTES, item_id)
        return path.read_bytes()
    except OSError as error:
        if error.errno in UNWELL:
            raise PassingError(f"{error.strerror}: {path}") from error
        raise ItemError(f"what the item knows can't be read: {error.strerror}: {path}", item_id) from None


def _part(place: Mapping[str, Any], root: str | None, item_id: str) -> bytes:
    """Of a composite picture only that: every pixel as it is there, as a PNG."""
    whole = read_reference({key: value for key, value in place.items() if key != "part"}, root, item_id)
    try:
        return encode_png(cut(decode_as_it_is(whole), place["part"]))
    except UnreadableImage as error:
        raise ItemError(f"{error}: {place['file']}", item_id) from None


def read_place(place: Mapping[str, Any], path: Path, max_bytes: int, item_id: str) -> bytes:
    """OSError where the file can't be read, ItemError where the image is not in it."""
    if "record" in place:
        return image_in_record(path, item_id)
    if "hdf5" in place:
        return _of_hdf5(path, place["hdf5"], place["row"], item_id)
    if "row" in place:
        return _cell(path, place["row"], place["column"], item_id)
    size = place["bytes"]
    if size > max_bytes:
        raise ItemError(f"too large: {size} bytes, more than load.max_bytes={max_bytes}: {path}", item_id)
    data = _pread(path, size, place["offset"])
    if len(data) != size:
        at = f"{path} at {place['offset']}"
        raise ItemError(f"the file has become shorter since the plan: {len(data)} bytes of {size} in {at}", item_id)
    return data


def _of_hdf5(path: Path, name: str, row: int, item_id: str) -> bytes:
    from labelyard.generate.media.hdf5 import image

    try:
        return image(path, name, row)
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise ItemError(f"no image in the file: {path}, {name}, row {row}: {error}", item_id) from None


def _pread(path: Path, size: int, offset: int) -> bytes:
    opened: OrderedDict[Path, int] = _local.__dict__.setdefault("opened", OrderedDict())
    descriptor = opened.pop(path, None)
    if descriptor is None:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        data = b""
        while len(data) < size:
            part = os.pread(descriptor, size - len(data), offset + len(data))
            if not part:
                break
            data += part
    except OSError:
        os.close(descriptor)  # a stale handle gets no better
        raise
    opened[path] = descriptor
    while len(opened) > OPEN_FILES:
        os.close(opened.popitem(last=False)[1])
    return data


class _Column:
    """One column of one table, read forwards. Neighbouring rows are asked for one after another, and by several threads
    almost so: the last few blocks are kept."""

    def __init__(self, path: Path, column: str) -> None:
        self._path, self._name = path, column
        self._blocks: deque[tuple[int, list[bytes | None]]] = deque(maxlen=3)
        self._ahead: Iterator[tuple[int, list[bytes | None]]] = iter(())
        self._next: int | None = None

    def cell(self, row: int) -> bytes | None:
        for first, cells in self._blocks:
            if first <= row < first + len(cells):
                return cells[row - first]
        if self._next is None or not self._next <= row < self._next + PATIENT_ROWS:
            self._ahead = self._from(row)
        for first, cells in self._ahead:
            self._blocks.append((first, cells))
            self._next = first + len(cells)
            if first <= row < self._next:
                return cells[row - first]
        self._ahead, self._next = iter(()), None
        raise IndexError("the table is shorter")

    def _from(self, row: int) -> Iterator[tuple[int, list[bytes | None]]]:
        import pyarrow.parquet as parquet

        with parquet.ParquetFile(self._path, pre_buffer=False, buffer_size=BUFFER) as table:
            first, groups = 0, list(range(table.num_row_groups))
            while groups and row >= first + (rows := table.metadata.row_group(groups[0]).num_rows):
                first += rows
                del groups[0]
            for batch in table.iter_batches(batch_size=CELLS_AT_ONCE, row_groups=groups, columns=[self._name]):
                if row < first + batch.num_rows:  # what lies before it is skipped
                    values = batch.column(0)
                    for name in self._name.split(".")[1:]:
                        values = values.field(name)
                    yield first, values.to_pylist()
                first += batch.num_rows


_columns: OrderedDict[tuple[Path, str], _Column] = OrderedDict()
_lock = threading.Lock()


def _cell(path: Path, row: int, column: str, item_id: str) -> bytes:
    import pyarrow

    try:
        with _lock:
            reader = _columns.setdefault((path, column), _Column(path, column))
            _columns.move_to_end((path, column))
            if len(_columns) > OPEN_COLUMNS:
                _columns.popitem(last=False)
            found = reader.cell(row)
    except (pyarrow.ArrowException, IndexError, KeyError) as error:
        _columns.pop((path, column), None)
        raise ItemError(f"the table can't be read: {path}, row {row}: {error}", item_id) from None
    if found is None:
        raise ItemError(f"no image in the table: {path}, row {row}", item_id)
    return found
