"""Whether a worker has frozen, for who started it and waits for it: a stopped process, a hung disk or driver.

It goes by the age of the worker's own word, as those who take over its shards do. Ending it then costs nothing more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from labelyard.generate.run_folder.claims import HEARTBEAT, STALE_AFTER
from labelyard.utils.atomic import server_clock

SLEPT = 60.0  # seconds between two looks after which it was we who slept: a laptop, Ctrl-Z, a file server that hung
FIRST_LOOK = 1.0  # seconds; then ever longer, up to HEARTBEAT


class Vigil:
    """What a worker did not say while we slept ourselves is no silence of its own."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._last = clock()
        self._awake_since = float("-inf")

    def look(self) -> None:
        """To be called whenever one looks."""
        now = self._clock()
        if not 0 <= now - self._last <= SLEPT:
            self._awake_since = now
        self._last = now

    def silence(self, age: float) -> float:
        """Seconds, of a worker whose last word is so old."""
        return min(age, self._last - self._awake_since)


def watch_over(word: Path, frozen: Callable[[float], None], ended: threading.Event) -> None:
    """Until it has ended: call `frozen` once if the worker whose word lies there has said nothing for too long."""
    began, vigil, pause = time.time(), Vigil(), FIRST_LOOK
    written: float | None = None
    while not ended.wait(pause):
        pause = min(2 * pause, HEARTBEAT)
        vigil.look()
        try:
            before, written = written, word.stat().st_mtime
            # Only where nothing is new the file server is asked for its time.
            age = 0.0 if written != before else server_clock(word.parent) - written
        except FileNotFoundError:
            age = time.time() - began
        except OSError:
            continue
        if (silence := vigil.silence(age)) > STALE_AFTER:
            frozen(silence)
            return
