"""Lets every item through once, thousands of rows at a time, and what `source.where` does not want not at all. It
remembers ids alone, in a few bytes each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from labelyard.generate.rows import AT_ONCE, Rows
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.shard_lines import BYTES, hex_ids
from labelyard.generate.source import Source
from labelyard.generate.sources.common.where import Where
from labelyard.launch.planning.identity import EARLIER, identity_of, places_of
from labelyard.launch.planning.refused_rows import Refusals
from labelyard.launch.planning.row_values import RowValues
from labelyard.launch.planning.seen_ids import Marks
from labelyard.utils.errors import UserError

Told = Callable[[int], None]


@dataclass(frozen=True)
class Sifted:
    """Rows, their ids, and which of them are new items."""

    rows: Rows
    ids: Sequence[str]
    new: Sequence[int]


class Sieve:
    def __init__(self, source: Source, refusals: Refusals) -> None:
        self.refusals = refusals
        self.rows = 0
        self.filtered = 0  # rows that source.where left out
        self.duplicates = 0
        self.met = 0  # rows that an earlier pass had planned
        self.imageless = 0  # of the new items
        self._marks = Marks()
        self._values = RowValues(source)
        self._looked_at = 0
        self._keys: list[str] = []
        self._where = None if source.where is None else Where.of(source.where)
        self._numbered = source.row_key is not None
        self._identity = identity_of(source, self._values, self._marks)

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
            wanted = self._wanted(rows)
            apart = self._identity.told_apart(rows, wanted, self.rows)
            for number, refusal in apart.refused:
                self.refusals.add(refusal, number)
            self.duplicates += apart.duplicates
            self.met += apart.met
            self.imageless += _imageless(rows, apart.new)
            self._values.drop_hidden(rows, apart.new)
            self._values.number(rows, apart.new, places_of(rows, self.rows) if self._numbered else ())
            self.rows += rows.count
            yield Sifted(rows, hex_ids(apart.ids), apart.new)
            tell(self.rows)
        if self.filtered and self.filtered == self._looked_at:
            raise UserError(
                f"source.where={self._where.text if self._where else None}: none of {self._looked_at} rows is so. "
                f"The first has the keys {', '.join(self._keys) or 'none'}; a key that a row lacks is no match"
            )

    def _wanted(self, rows: Rows) -> Sequence[int]:
        """Which of the rows are so as source.where says."""
        if self._where is None or not rows.images:
            return range(len(rows.images))
        self._keys = self._keys or list(self._values.of(rows, 0))
        holds, of = self._where.holds, self._values.of
        wanted = [at for at in range(len(rows.images)) if holds(of(rows, at))]
        self._looked_at += len(rows.images)
        self.filtered += len(rows.images) - len(wanted)
        return wanted


def _imageless(rows: Rows, new: Sequence[int]) -> int:
    """Nearly always none, which is seen at once."""
    return sum(not rows.images[at] for at in new) if "" in rows.images else 0
