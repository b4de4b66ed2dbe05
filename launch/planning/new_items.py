"""Lets every item through once, thousands of rows at a time. It remembers ids alone, in a few bytes each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from labelyard.generate.rows import AT_ONCE, Rows
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.shard_lines import BYTES, digests, hex_ids
from labelyard.launch.planning.refused_rows import Refusals
from labelyard.launch.planning.seen_ids import Marks

EARLIER, SEEN = 1, 2  # marks: an earlier pass planned it; this one has met it
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
        self._marks = Marks()

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
            data = digests(rows.images, rows.captions) if rows.digests is None else rows.digests
            yield Sifted(rows, hex_ids(data), self._new(data))
            tell(self.rows)

    def _new(self, data: bytes) -> Sequence[int]:
        before = self._marks.mark(data, SEEN)
        if not any(before):
            return range(len(before))
        self.duplicates += sum(1 for mark in before if mark & SEEN)
        self.met += before.count(EARLIER)
        return [at for at, mark in enumerate(before) if not mark]
