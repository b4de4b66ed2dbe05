"""Progress: a bar that redraws itself on a terminal, plain lines now and then in a log."""

from __future__ import annotations

import shutil
import sys
import time

from labelyard.launch.progress import Progress, line

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
