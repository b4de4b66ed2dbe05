"""What makes a row an item, and whether it was met before: `source.identity` says."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Protocol

from labelyard.generate.rows import Refusal, Rows
from labelyard.generate.run_folder.shard_lines import BYTES, digests_of
from labelyard.generate.source import Source
from labelyard.launch.planning.row_values import RowValues
from labelyard.launch.planning.seen_ids import FEW, Marks
from labelyard.utils.errors import nearest

EARLIER, SEEN = 1, 2  # marks: an earlier pass planned it; this one has met it
NO_ID = bytes(BYTES)
IN_COLUMNS = 6  # equal rows up to this number are told apart together with others, those beyond one by one
COUNTED = 1 << 16  # of contents that come more often, so many are remembered with their number


@dataclass(frozen=True)
class Apart:
    """Some rows, told apart."""

    ids: bytes  # of all of them
    new: Sequence[int]  # which of the wanted ones are new items
    duplicates: int = 0
    met: int = 0  # that an earlier pass had planned
    refused: list[tuple[int, Refusal]] = field(default_factory=list)  # with how many rows were read by then

    @classmethod
    def by_marks(cls, ids: bytes, rows: Sequence[int], before: bytes, **others: Any) -> Apart:
        """`before`: the marks that these rows' ids had."""
        if not any(before):
            return cls(ids, rows, **others)
        new = [at for at, mark in zip(rows, before, strict=True) if not mark]
        duplicates, met = sum(1 for mark in before if mark & SEEN), before.count(EARLIER)
        return cls(ids, new, duplicates, met, **others)


class Identity(Protocol):
    def told_apart(self, rows: Rows, wanted: Sequence[int], rows_before: int) -> Apart: ...


def identity_of(source: Source, values: RowValues, marks: Marks) -> Identity:
    if source.identity == "row":
        return ByRow(marks)
    return ByContent(marks) if source.id_key is None else ByKey(source, source.id_key, values, marks)


class ByContent:
    """The same image and caption are the same item."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks

    def told_apart(self, rows: Rows, wanted: Sequence[int], rows_before: int) -> Apart:
        ids = digests_of(rows)
        return Apart.by_marks(ids, wanted, self._marks.mark(_picked(ids, wanted), SEEN))


class ByRow:
    """Every row is an item: of equal ones the first has the id of its content, and the others are numbered.

    They are numbered among all rows, those that `where` leaves out too, so that a condition changes no id. Nothing is
    kept for it but the marks: the numbers that are taken lie from 1 on without a gap, so the next is soon found.
    """

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self._counts: dict[bytes, int] = {}

    def told_apart(self, rows: Rows, wanted: Sequence[int], rows_before: int) -> Apart:
        found = digests_of(rows)
        contents = [found[at : at + BYTES] for at in range(0, len(found), BYTES)]
        ids, before = list(contents), bytearray(self._marks.mark(found, SEEN))
        again = [at for at, mark in enumerate(before) if mark & SEEN]
        for number in range(2, IN_COLUMNS + 1):
            again = self._marked(again, [_numbered(contents[at], number) for at in again], ids, before)
        if len(self._counts) > COUNTED:
            self._counts.clear()
        self._marked(again, [_numbered(contents[at], self._next(contents[at])) for at in again], ids, before)
        return Apart.by_marks(b"".join(ids), wanted, bytes(map(before.__getitem__, wanted)))

    def _marked(self, rows: list[int], tried: list[bytes], ids: list[bytes], before: bytearray) -> list[int]:
        """Give each of the rows the id that was tried for it; which rows found theirs taken, and have none yet."""
        marks = self._marks.mark(b"".join(tried), SEEN)
        for at, new, mark in zip(rows, tried, marks, strict=True):
            ids[at], before[at] = new, mark
        return [at for at, mark in zip(rows, marks, strict=True) if mark & SEEN]

    def _next(self, content: bytes) -> int:
        number = (self._counts.get(content) or self._last(content)) + 1
        self._counts[content] = number
        return number

    def _last(self, content: bytes) -> int:
        """The highest number that is taken: twice as high each time until one is free, then by halves."""
        taken, free = IN_COLUMNS, 2 * IN_COLUMNS
        while self._marks.has(_numbered(content, free), SEEN):
            taken, free = free, 2 * free
        while free - taken > 1:
            middle = (taken + free) // 2
            if self._marks.has(_numbered(content, middle), SEEN):
                taken = middle
            else:
                free = middle
        return taken


class ByKey:
    """The user's own ids. A second row with one is refused, with the place of the first: ids are kept in order."""

    def __init__(self, source: Source, key: str, values: RowValues, marks: Marks) -> None:
        self._path, self._key, self._values, self._marks = source.path, key, values, marks
        self._in_order = array("Q")

    def told_apart(self, rows: Rows, wanted: Sequence[int], rows_before: int) -> Apart:
        places = places_of(rows, rows_before)
        ids, refused = [NO_ID] * len(rows.images), list[tuple[int, Refusal]]()
        values: dict[int, Any] = {}
        for at in wanted:
            row = self._values.of(rows, at)
            if (why := self._why_not(row)) is None:
                values[at] = row[self._key]
                ids[at] = _of_key(values[at])
            else:
                refused.append(self._refusal(places[at], why))
        before = self._marks.mark(b"".join(ids[at] for at in values), SEEN)
        self._remember(dict(zip(places, ids, strict=True)), range(rows_before + 1, rows_before + rows.count + 1))
        good = [(at, mark) for at, mark in zip(values, before, strict=True) if not mark & SEEN]
        twice = [at for at, mark in zip(values, before, strict=True) if mark & SEEN]
        first = self._first_places({ids[at] for at in twice})
        for at in twice:
            why = f"its '{self._key}' is {values[at]!r:.60}, as that of row {first[ids[at]]} is"
            refused.append(self._refusal(places[at], why))
        refused.sort(key=lambda one: one[0])
        rows_, marks = [at for at, _ in good], bytes(mark for _, mark in good)
        return Apart.by_marks(b"".join(ids), rows_, marks, refused=refused)

    def _why_not(self, row: Mapping[str, Any]) -> str | None:
        value = row.get(self._key)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return None
        if value is not None:
            return f"its '{self._key}' is {value!r:.60}, and an id is text or a whole number"
        likely = nearest(self._key, row)
        hint = f". Did you mean source.identity=key:{likely}?" if likely and likely != self._key else ""
        return f"has no '{self._key}', which source.identity=key:{self._key} names; its keys are {', '.join(row)}{hint}"

    def _refusal(self, place: int, why: str) -> tuple[int, Refusal]:
        return place, Refusal(f"{self._path}, row {place}", why)

    def _remember(self, ids: Mapping[int, bytes], rows: range) -> None:
        self._in_order.frombytes(b"".join(ids.get(number, NO_ID) for number in rows))

    def _first_places(self, ids: set[bytes]) -> dict[bytes, int]:
        """The numbers of the rows in which ids came first."""
        if not ids:
            return {}
        if len(self._in_order) <= FEW:  # numpy is not imported for a short list
            whole = self._in_order.tobytes()
            rows = (whole[at : at + BYTES] for at in range(0, len(whole), BYTES))
            return _firsts(((id_, number) for number, id_ in enumerate(rows, 1) if id_ in ids))
        import numpy as np

        all_ids, wanted = np.frombuffer(self._in_order, np.uint64), np.frombuffer(b"".join(ids), np.uint64)
        found = np.flatnonzero(np.isin(all_ids, wanted)).tolist()
        return _firsts((all_ids[at].tobytes(), at + 1) for at in found)


def _firsts(rows: Iterable[tuple[bytes, int]]) -> dict[bytes, int]:
    found: dict[bytes, int] = {}
    for id_, number in rows:
        found.setdefault(id_, number)
    return found


def _picked(ids: bytes, wanted: Sequence[int]) -> bytes:
    if len(wanted) * BYTES == len(ids):
        return ids
    return b"".join(ids[at * BYTES : (at + 1) * BYTES] for at in wanted)


def _numbered(content: bytes, number: int) -> bytes:
    return blake2b(content + number.to_bytes(BYTES, "big"), digest_size=BYTES, person=b"row").digest()


def _of_key(value: str | int) -> bytes:
    """7 and "7" are one id: a table of text has nothing else."""
    return blake2b(str(value).encode("utf-8", "surrogatepass"), digest_size=BYTES, person=b"key").digest()


def places_of(rows: Rows, before: int) -> list[int]:
    """The numbers of the rows that are entries; those that were refused have theirs, too."""
    refused = {number for number, _ in rows.refused}
    return [before + number for number in range(1, rows.count + 1) if number not in refused]
