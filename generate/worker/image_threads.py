"""Threads that read and decode ahead. One that does not come back is given up and replaced.

A dead network mount answers no call and no signal; whoever waits for it waits for ever. So the threads are daemons (the
process can end without them) and the wait for each has an end.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, Generic, TypeVar

from labelyard.generate.errors import FatalError, PassingError

Result = TypeVar("Result")


class Job(Generic[Result]):
    def __init__(self, call: Callable[[], Result], what: str) -> None:
        self.call, self.what = call, what
        self.future: Future[Result] = Future()
        self.began: float | None = None
        self.given_up = False


class Readers:
    def __init__(self, threads: int, patience: float) -> None:
        self._patience = patience
        self._most_lost = 4 * threads
        self._waiting: deque[Job[Any]] = deque()
        self._running: set[Job[Any]] = set()
        self._lock = threading.Condition()
        self._closed = False
        self.lost = 0  # threads that hang
        for _ in range(threads):
            self._add_thread()

    def submit(self, call: Callable[[], Result], what: str, first: bool = False) -> Job[Result]:
        """`what` names it to a person. `first`: before all that wait."""
        job = Job(call, what)
        with self._lock:
            (self._waiting.appendleft if first else self._waiting.append)(job)
            self._lock.notify()
        return job

    def wait(self, job: Job[Result], seconds: float = 0.5) -> bool:
        """Whether it has come to its end, well or not. Looks after hanging threads meanwhile."""
        try:
            job.future.exception(timeout=seconds)
        except TimeoutError:
            self._give_up_what_hangs()
        except BaseException as error:
            if type(error).__name__ != "TimeoutError":  # Python 3.10 has one of its own in concurrent.futures
                raise
            self._give_up_what_hangs()
        return job.future.done()

    def close(self) -> None:
        """End the threads that can end; the others end with the process."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            self._lock.notify_all()

    def _give_up_what_hangs(self) -> None:
        now = time.monotonic()
        with self._lock:
            hanging = [job for job in self._running if job.began is not None and now - job.began > self._patience]
            for job in hanging:
                self._running.discard(job)
                job.given_up = True
                self.lost += 1
            too_many = self.lost > self._most_lost
        for job in hanging:
            answer = f"no answer within {self._patience:g} s: {job.what}"
            with suppress(InvalidStateError):  # it came back at this very moment
                job.future.set_exception(
                    FatalError(
                        f"{self.lost} files hang, the last: {answer}. Is a network mount dead? Nothing was marked"
                    )
                    if too_many
                    else PassingError(answer)
                )
            self._add_thread()

    def _add_thread(self) -> None:
        threading.Thread(target=self._work, name="read", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._lock:
                while not self._waiting and not self._closed:
                    self._lock.wait()
                if self._closed:
                    return
                job = self._waiting.popleft()
                job.began = time.monotonic()
                self._running.add(job)
            try:
                result, error = job.call(), None
            except BaseException as caught:
                result, error = None, caught
            with self._lock:
                self._running.discard(job)
                if job.given_up:
                    self.lost -= 1
                    return  # another thread has this one's place
            with suppress(InvalidStateError):
                if error is None:
                    job.future.set_result(result)
                else:
                    job.future.set_exception(error)
