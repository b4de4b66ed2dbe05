"""Records that are written behind the steps, in threads. How each ended is told in the order in which they came."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager

from labelyard.generate.errors import ItemError
from labelyard.generate.record import Record
from labelyard.generate.run_folder.journal import Outcome
from labelyard.generate.worker.in_flight import Begun
from labelyard.generate.worker.shard import ShardWork


class Written:
    def __init__(
        self,
        threads: int,
        write: Callable[[ShardWork, Record], Outcome],
        waiting: Callable[[], AbstractContextManager[object]],
    ) -> None:
        """`waiting` goes around every wait for a thread."""
        self._write, self._waiting = write, waiting
        self._threads = ThreadPoolExecutor(max(1, threads), "write")
        self._under_way: deque[tuple[Begun, Future[Outcome]]] = deque()

    def add(self, begun: Begun, record: Record) -> None:
        self._under_way.append((begun, self._threads.submit(self._write, begun.shard, record)))

    def ended(self, at_most: int) -> Iterator[tuple[Begun, Outcome | ItemError]]:
        """Those that are written, or can't be; waits only while more than `at_most` are under way."""
        while self._under_way and (self._under_way[0][1].done() or len(self._under_way) > at_most):
            begun, future = self._under_way.popleft()
            outcome: Outcome | ItemError
            with self._waiting():
                try:
                    outcome = future.result()
                except ItemError as error:
                    outcome = error
            yield begun, outcome

    def close(self) -> None:
        """Once all are on disk."""
        self._threads.shutdown(wait=True)
