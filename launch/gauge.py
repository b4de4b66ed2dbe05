"""A line on the terminal for what takes longer than one likes to wait without a word."""

from __future__ import annotations

import sys
import time
from types import TracebackType

SILENT = 2.0  # seconds before the first word
BETWEEN = 0.2


class Gauge:
    def __init__(self, what: str, of: int) -> None:
        self._what, self._of = what, of
        self._terminal = sys.stderr.isatty()
        self._next = time.monotonic() + SILENT
        self._said = False

    def __enter__(self) -> Gauge:
        return self

    def tell(self, number: int) -> None:
        now = time.monotonic()
        if self._terminal and now >= self._next:
            self._next, self._said = now + BETWEEN, True
            share = 100 * number // max(1, self._of)
            print(f"\r{self._what}: {number} of {self._of} ({share} %)", end="", file=sys.stderr, flush=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._said:
            print(file=sys.stderr)
