"""Progress in one line: of a run's workers, and of whatever else takes long."""

from __future__ import annotations

import shutil
import sys
import time

from labelyard.launch.watching.progress import Progress, line

BETWEEN_LINES = 15.0  # seconds


class Bar:
    """How a run is doing."""

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
    """How far a program is that counts: `exporting: 512 of 4096 (12 %)`, or `planning: 512 rows` where nobody knows of
    how many. On a terminal all the time, in a log now and then; what takes a moment says nothing."""

    def __init__(self, what: str, of: int | None = None) -> None:
        self._what, self._of = what, of
        self._terminal = sys.stderr.isatty()
        self._next = time.monotonic() + (SILENT if self._terminal else BETWEEN_LINES)
        self._drawn = False

    def __enter__(self) -> Gauge:
        return self

    def tell(self, number: int, of: int | None = None) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + (BETWEEN if self._terminal else BETWEEN_LINES)
        text = f"{self._what}: {self._so_far(number, self._of if of is None else of)}"
        if self._terminal:
            self._drawn = True
            print(f"\r{text}", end="", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)

    def _so_far(self, number: int, of: int | None) -> str:
        return f"{number} rows" if of is None else f"{number} of {of} ({100 * number // max(1, of)} %)"

    def __exit__(self, *_: object) -> None:
        if self._drawn:
            print(file=sys.stderr)
