"""How many questions are under way at once, and how fast new ones are asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

MORE_AFTER = 50  # good answers
HALVE_EVERY = 1.0  # seconds: what was under way together is refused together, and counts once


class Gate:
    """As many at once as the server bears: half as many when it says that it is too much, slowly more again."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self.limit = most, most
        self._clock = clock
        self._inside, self._good, self._halved = 0, 0, -HALVE_EVERY
        self._wide = 0  # the limit, while there is one at a time
        self._condition = threading.Condition()

    def enter(self) -> bool:
        """Whether nobody else is inside, or will be."""
        with self._condition:
            while self._inside >= self.limit:
                self._condition.wait()
            self._inside += 1
            return self.limit == 1

    def leave(self) -> None:
        with self._condition:
            self._inside -= 1
            self._condition.notify_all()

    def busy(self) -> None:
        with self._condition:
            now = self._clock()
            if now - self._halved >= HALVE_EVERY:
                self._halved, self._good = now, 0
                self.limit = max(1, self.limit // 2)

    def one_by_one(self) -> None:
        """Until all that were under way are answered: to see at which of them the server dies."""
        with self._condition:
            self._wide, self._good = self._wide or self.limit, 0
            self.limit = 1

    def good(self) -> None:
        with self._condition:
            self._good += 1
            if self._wide and self._good >= self._most:
                self.limit, self._wide, self._good = self._wide, 0, 0
                self._condition.notify_all()
            elif not self._wide and self._good >= MORE_AFTER and self.limit < self._most:
                self._good = 0
                self.limit += 1
                self._condition.notify_all()


class Pace:
    """So many requests, and so many tokens, in a minute: a part of what all workers may ask together."""

    def __init__(
        self,
        requests_per_minute: float | None,
        tokens_per_minute: float | None,
        workers: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._apart = 60 * workers / requests_per_minute if requests_per_minute else 0.0
        self._a_token = 60 * workers / tokens_per_minute if tokens_per_minute else 0.0
        self._clock = clock
        self._next_request = self._next_token = self._not_before = clock()
        self._expected = 0.0  # tokens of a request, by those before
        self._lock = threading.Lock()

    def turn(self, tokens: int) -> tuple[float, float]:
        """Seconds to wait before the next request, and the tokens that it is taken to cost."""
        with self._lock:
            now = self._clock()
            expected = self._expected or float(tokens)
            at = max(now, self._next_request, self._next_token, self._not_before)
            self._next_request = max(now, self._next_request) + self._apart
            self._next_token = max(now, self._next_token) + expected * self._a_token
            return at - now, expected

    def took(self, expected: float, tokens: int) -> None:
        """What it did cost."""
        with self._lock:
            self._next_token += (tokens - expected) * self._a_token
            self._expected = tokens if not self._expected else 0.9 * self._expected + 0.1 * tokens

    def rest(self, seconds: float) -> None:
        """Nobody asks before: the server has said so."""
        with self._lock:
            self._not_before = max(self._not_before, self._clock() + seconds)
