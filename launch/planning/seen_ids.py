"""Digests with a mark for each, in a few bytes however many there are."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from labelyard.generate.run_folder.shard_lines import BYTES

if TYPE_CHECKING:
    from labelyard.utils.numbers import Numbers

FEW = 1 << 16  # digests up to here are kept without numpy, whose import would take longer than a short list


class Marks:
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

    def has(self, key: bytes, bit: int) -> bool:
        """Whether this one id has the bit; nothing is set."""
        if self._many is None:
            return bool(self._few.get(key, 0) & bit)
        return self._many.has(int.from_bytes(key, sys.byteorder), bit)

    def _mark_few(self, data: bytes, bit: int) -> Iterator[int]:
        for at in range(0, len(data), BYTES):
            key = data[at : at + BYTES]
            before = self._few.get(key, 0)
            self._few[key] = before | bit
            yield before

    def _table(self) -> Numbers:
        import numpy as np

        from labelyard.utils.numbers import Numbers

        table = Numbers()
        for bit in (1, 2, 4):
            table.mark(np.frombuffer(b"".join(key for key, marks in self._few.items() if marks & bit), np.uint64), bit)
        self._few.clear()
        return table
