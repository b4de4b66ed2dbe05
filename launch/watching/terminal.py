"""Progress on a terminal, one line of it."""

from __future__ import annotations

import shutil
import sys
import time
from types import TracebackType

from labelyard.launch.watching.progress import Progress, line

BETWEEN_LINES = 15.0  # seconds


class Bar:
    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._last = 0.0
        self._said: tuple[int, int] | None = None  # done and quarantined
        self._unsaid = ""  # the last look's line, where it was too soon to say it

    def __enter__(self) -> Bar:
        return self

    def show(self, progress: Progress) -> None:
        text, counts = line(progress), (progress.done, progress.quarantined)
        if self._terminal:
            self._draw(progress, text)
        elif counts == self._said:  # another rate alone is no news
            return
        elif time.monotonic() - self._last >= BETWEEN_LINES:
            self._last, self._said, self._unsaid = time.monotonic(), counts, ""
            print(text, file=sys.stderr, flush=True)
        else:
            self._unsaid = text

    def tell(self, text: str) -> None:
        """A line of its own, above the bar."""
        columns = shutil.get_terminal_size().columns - 1 if self._terminal else 0
        print(f"\r{' ' * columns}\r{text}" if self._terminal else text, file=sys.stderr, flush=True)

    def _draw(self, progress: Progress, text: str) -> None:
        columns = shutil.get_terminal_size().columns - 1
        width = max(0, min(30, columns - len(text) - 3))
        filled = round(width * progress.ended / progress.items) if progress.items else width
        bar = f"[{'#' * filled}{'.' * (width - filled)}] " if width >= 8 else ""
        print(f"\r{(bar + text)[:columns]:<{columns}}", end="", file=sys.stderr, flush=True)

    def __exit__(self, *_: object) -> None:
        if self._terminal:
            print(file=sys.stderr)
        elif self._unsaid:
            print(self._unsaid, file=sys.stderr, flush=True)


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


def tell_rows(rows: int) -> None:
    if sys.stderr.isatty():
        print(f"\rplanning: {rows} rows", end="", file=sys.stderr, flush=True)
