"""The threads in which steps get ready what they compute next, and finish what they have computed.

Pillow, numpy, OpenCV and torch let go of Python's lock while they work, so that the GPU need not wait for a resize or a
run-length code, and a pipeline without GPU uses all cores. What runs here never waits for another call here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Generic, TypeVar

Unit = TypeVar("Unit")
Result = TypeVar("Result")
MOST = 8


@cache
def cores() -> int:
    """That this process may use: of a SLURM job those it was given."""
    return len(os.sched_getaffinity(0))


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(2, min(MOST, cores())), "step")


def submit(call: Callable[[Unit], Result], unit: Unit) -> Future[Result]:
    return _pool().submit(_singly, call, unit)


def _singly(call: Callable[[Unit], Result], unit: Unit) -> Result:
    """Torch shall not divide a call once more: the other threads are the parallel ones, and sums that are divided by
    the number of a worker's cores end in other last digits with another number of workers."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() != 1:
        torch.set_num_threads(1)  # of this thread; those that have computed before keep theirs
    return call(unit)


def each(call: Callable[[Unit], Result], units: Iterable[Unit]) -> list[Result]:
    """The results in the order of the units. The first that fails ends it."""
    futures = [submit(call, unit) for unit in units]
    try:
        return [future.result() for future in futures]
    finally:
        for future in futures:
            future.cancel()


class Ahead(Generic[Unit, Result]):
    """What `call` makes of the units at `order`, made some places ahead of where it is asked for."""

    def __init__(self, call: Callable[[Unit], Result], units: Sequence[Unit], order: Sequence[int]) -> None:
        self._call, self._units, self._order = call, units, order
        self._begun: dict[int, Future[Result]] = {}
        self._next = 0

    def get(self, start: int, stop: int) -> list[Result]:
        """Of these places in the order; as many again are begun, so that they are ready when they are asked for."""
        for place in range(self._next, min(len(self._order), stop + max(stop - start, 2))):
            self._begun[place] = submit(self._call, self._units[self._order[place]])
            self._next = place + 1
        return [self._begun[place].result() for place in range(start, stop)]

    def drop(self, stop: int) -> None:
        """What stands before this place is not asked for again."""
        for place in [place for place in self._begun if place < stop]:
            del self._begun[place]

    def close(self) -> None:
        for future in self._begun.values():
            future.cancel()
