"""How much a worker has brought to its end, and how fast it is."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

BURST = 1.0  # seconds: what ends within them ended together
SETTLED = 2.0  # seconds after which a burst is no longer being written
WINDOW = 600.0  # seconds that count at least, where there are so many
BURSTS = 5  # that count at least: of a slow worker, whose batches end minutes apart
OVERDUE = 600.0  # seconds without an end after which one may ask why, at least


@dataclass
class _Burst:
    first: float
    last: float
    items: int
    gap: float  # seconds since the burst before it


class Tally:
    """Items end in bursts, a batch at a time. So a speed is only ever taken from one burst's end to another's, over
    several of them; what is under way counts once it has ended. `clock` tells seconds, from anywhere."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.done = 0
        self.failed = 0
        self._clock = clock
        self._since = clock()  # the end of the last burst that no longer counts
        self._bursts: deque[_Burst] = deque()
        self._lock = threading.Lock()  # records are written in several threads

    def count(self, done: bool) -> None:
        with self._lock:
            self.done += done
            self.failed += not done
            now = self._clock()
            if self._bursts and now - self._bursts[-1].first < BURST:
                self._bursts[-1].last = now
                self._bursts[-1].items += 1
            else:
                before = self._bursts[-1].last if self._bursts else self._since
                self._bursts.append(_Burst(now, now, 1, now - before))
                self._forget()

    def _forget(self) -> None:
        while len(self._bursts) > BURSTS and self._bursts[-1].first - self._bursts[0].last > WINDOW:
            self._since = self._bursts.popleft().last

    def per_second(self) -> float | None:
        """None until the first burst has ended. Who is idle for longer than ever between two bursts gets slower."""
        with self._lock:
            now = self._clock()
            settled = [burst for burst in self._bursts if burst.last <= now - SETTLED]
            if not settled:
                return None
            longest = max(burst.gap for burst in settled)
            end = max(settled[-1].last, now - longest - 2 * SETTLED)
            return sum(burst.items for burst in settled) / (end - self._since) if end > self._since else None

    def overdue(self) -> float | None:
        """Seconds since an item ended, if they are far more than it ever took; else None."""
        with self._lock:
            last = self._bursts[-1].last if self._bursts else self._since
            longest = max((burst.gap for burst in self._bursts), default=0.0)
            quiet = self._clock() - last
            return quiet if quiet > max(OVERDUE, BURSTS * longest) else None
