"""A table of 64-bit numbers with a mark for each, in 9 bytes a place: what ten million ids are told apart by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

THERE = 128  # a place is taken: set in its mark together with the caller's bits
FULLEST = 0.7  # of the places, before the table grows
AT_ONCE = 1 << 16  # places that growing moves together: what they need stays in the processor's cache


class Numbers:
    """Open addressing, for thousands of numbers at a time. They have to be spread evenly, as hashes are."""

    def __init__(self, places: int = 1 << 21) -> None:
        self._numbers = np.zeros(places, np.uint64)
        self._marks = np.zeros(places, np.uint8)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def mark(self, numbers: NDArray[np.uint64], bit: int) -> NDArray[np.uint8]:
        """Set the bit in the numbers' marks; what the marks were before. A number that comes twice finds it set."""
        ordered = np.sort(numbers)  # much faster than the unique that tells which they are
        if not (ordered[1:] == ordered[:-1]).any():
            return self._mark(numbers, bit)
        distinct, first, back = np.unique(numbers, return_index=True, return_inverse=True)
        before = (self._mark(distinct, bit)[back.reshape(-1)]).astype(np.uint8)
        again = np.ones(len(numbers), bool)
        again[first] = False
        before[again] |= bit
        return before

    def has(self, number: int, bit: int) -> bool:
        """Whether the number is there with this bit; it is not put in."""
        last = len(self._numbers) - 1
        place = number & last
        while self._marks[place]:
            if self._numbers[place] == number:
                return bool(self._marks[place] & bit)
            place = (place + 1) & last
        return False

    def _mark(self, distinct: NDArray[np.uint64], bit: int) -> NDArray[np.uint8]:
        while self._count + len(distinct) > FULLEST * len(self._numbers):
            self._grow()
        places = self._places(distinct)
        before = self._marks[places]
        new = before == THERE
        self._count += int(np.count_nonzero(new))
        self._marks[places] |= np.uint8(bit)
        known: NDArray[np.uint8] = (before & np.uint8(THERE - 1)).astype(np.uint8)
        return known

    def _places(self, distinct: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Where each is; what was not in has its place from now on."""
        last = len(self._numbers) - 1
        places: NDArray[np.int64] = (distinct & np.uint64(last)).astype(np.int64)
        looking = np.arange(len(distinct))
        while len(looking):
            here, wanted = places[looking], distinct[looking]
            free = self._marks[here] == 0
            # Of several that want the same free place the last gets it, and the others find it taken.
            self._numbers[here[free]] = wanted[free]
            self._marks[here[free]] = THERE
            looking = looking[self._numbers[here] != wanted]
            places[looking] = (places[looking] + 1) & last
        return places

    def _grow(self) -> None:
        numbers, marks = self._numbers, self._marks
        self._numbers = np.zeros(2 * len(numbers), np.uint64)
        self._marks = np.zeros(2 * len(marks), np.uint8)
        for start in range(0, len(numbers), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            taken = marks[part] != 0
            places = self._places(numbers[part][taken])
            self._marks[places] = marks[part][taken]
