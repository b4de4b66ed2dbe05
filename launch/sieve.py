"""Lets every item through once, thousands of rows at a time. It remembers ids alone, in a few bytes each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from generate.item_lines import BYTES, digests, hex_ids
from generate.rows import AT_ONCE, Rows
from generate.run_folder import RunFolder
from launch.refusals import Refusals

if TYPE_CHECKING:
    from utils.numbers import Numbers

EARLIER, SEEN = 1, 2  # marks: an earlier pass planned it; this one has met it
FEW = 1 << 16  # ids up to here are kept without numpy, whose import would take longer than a short list

Told = Callable[[int], None]


@dataclass(frozen=True)
class Sifted:
    """Rows, their ids, and which of them are new items."""

    rows: Rows
    ids: Sequence[str]
    new: Sequence[int]


class Sieve:
    def __init__(self, refusals: Refusals) -> None:
        self.refusals = refusals
        self.rows = 0
        self.duplicates = 0
        self.met = 0  # rows that an earlier pass had planned
        self._marks = _Marks()

    def know(self, folder: RunFolder, shards: int) -> None:
        """What is planned already."""
        waiting = b""
        for number in range(shards):
            waiting += folder.digests(number)
            if len(waiting) >= AT_ONCE * BYTES:
                self._marks.mark(waiting, EARLIER)
                waiting = b""
        self._marks.mark(waiting, EARLIER)

    def sift(self, many: Iterable[Rows], tell: Told) -> Iterator[Sifted]:
        for rows in many:
            for number, refusal in rows.refused:
                self.refusals.add(refusal, self.rows + number)
            self.rows += rows.count
            data = digests(rows.images, rows.captions)
            yield Sifted(rows, hex_ids(data), self._new(data))
            tell(self.rows)

    def _new(self, data: bytes) -> Sequence[int]:
        before = self._marks.mark(data, SEEN)
        if not any(before):
            return range(len(before))
        self.duplicates += sum(1 for mark in before if mark & SEEN)
        self.met += before.count(EARLIER)
        return [at for at, mark in enumerate(before) if not mark]


class _Marks:
    """Ids with marks: in a dict while they are few, in a table of numbers when they are many."""

    def __init__(self) -> None:
        self._few: dict[bytes, int] = {}
        self._many: Numbers | None = None

    def mark(self, data: bytes, bit: int) -> bytes:
        """Set the bit for each id; their marks before, a byte each."""
        if self._many is None and len(self._few) + len(data) // BYTES <= FEW:
            return bytes(self._mark_few(data, bit))
        import numpy as np

        if self._many is None:
            self._many = self._table()
        return self._many.mark(np.frombuffer(data, np.uint64), bit).tobytes()

    def _mark_few(self, data: bytes, bit: int) -> Iterator[int]:
        for at in range(0, len(data), BYTES):
            key = data[at : at + BYTES]
            before = self._few.get(key, 0)
            self._few[key] = before | bit
            yield before

    def _table(self) -> Numbers:
        import numpy as np

        from utils.numbers import Numbers

        table = Numbers()
        for bit in (EARLIER, SEEN):
            table.mark(np.frombuffer(b"".join(key for key, marks in self._few.items() if marks & bit), np.uint64), bit)
        self._few.clear()
        return table
