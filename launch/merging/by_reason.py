"""Lines that come in one order and are written in another, the most frequent reason first, however many there are."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import SpooledTemporaryFile
from types import TracebackType

IN_MEMORY = 1 << 25  # bytes; beyond, the lines wait in a file without a name


class ByReason:
    def __init__(self, place: Path) -> None:
        # Beside what is written, since a login node's /tmp may be in memory too.
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY, dir=str(place))  # noqa: SIM115
        self._at: dict[str, array[int]] = {}
        self._end = 0
        self.examples: dict[str, str] = {}

    def __enter__(self) -> ByReason:
        return self

    def add(self, reason: str, line: bytes, example: str) -> None:
        self.examples.setdefault(reason, example)
        self._at.setdefault(reason, array("Q")).append(self._end)
        self._end += self._file.write(line)

    @property
    def numbers(self) -> Counter[str]:
        return Counter({reason: len(places) for reason, places in self._at.items()})

    def lines(self) -> Iterator[bytes]:
        for reason, _ in self.numbers.most_common():
            for place in self._at[reason]:
                self._file.seek(place)
                yield self._file.readline()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
