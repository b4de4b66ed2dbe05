"""A batch size that learns: found by the GPU's memory where it is `auto`, halved for good when that runs out."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol, TypeVar

from labelyard.generate.compute.gpu_memory import free_memory
from labelyard.generate.compute.threads import Ahead

Unit = TypeVar("Unit")
Result = TypeVar("Result")
AUTO = "auto"
MOST = 64  # that auto tries; what is gained beyond is lost where batches have to be filled up
PART = 0.7  # of the free memory that a batch may take: not every unit takes as much as the first


class Memory(Protocol):
    def free(self) -> int: ...

    def used_by(self, call: Callable[[], Any]) -> int: ...


class Batches:
    def __init__(self, size: int, memory: Memory | None = None) -> None:
        """With `memory`, the size is found by it at the first batch."""
        self.size = max(1, size)
        self._memory = memory

    def map(
        self,
        call: Callable[[Sequence[Any]], Sequence[Result]],
        units: Sequence[Unit],
        key: Callable[[Unit], Hashable] | None = None,
        prepare: Callable[[Unit], Any] | None = None,
        full: bool = True,
    ) -> list[Result]:
        """Results in the order of the units. Only units of one key (an image size, say) share a batch.

        With `prepare`, `call` gets what that makes of the units, in threads, while an earlier batch is computed. What
        is left over is filled up with its last unit to a `full` batch.
        """
        groups: dict[Hashable, list[int]] = {}
        for position, unit in enumerate(units):
            groups.setdefault(key(unit) if key else None, []).append(position)
        order = [position for positions in groups.values() for position in positions]
        ahead = Ahead(prepare, units, order) if prepare else None
        results: dict[int, Result] = {}
        try:
            start = 0
            for positions in groups.values():
                end = start + len(positions)
                while start < end:
                    stop = min(end, start + self.size)
                    given = ahead.get(start, stop) if ahead else [units[p] for p in order[start:stop]]
                    if self._memory is not None:
                        self._fit(call, given[0])
                        continue
                    answers = self._answers(call, given, full)
                    if answers is None:
                        continue
                    results.update(zip(order[start:stop], answers, strict=True))
                    start = stop
                    if ahead:
                        ahead.drop(stop)
        finally:
            if ahead:
                ahead.close()
        return [results[p] for p in range(len(units))]

    def _fit(self, call: Callable[[Sequence[Any]], Sequence[Result]], unit: Any) -> None:
        """As many as fit, in powers of two, so that GPUs of one kind come to the same size. Nothing is kept of what is
        computed meanwhile."""
        memory, self._memory = self._memory, None
        assert memory is not None
        self.size = 1
        while True:
            size, free, used = self.size, memory.free(), -1
            try:
                used = memory.used_by(lambda: call([unit] * size))  # noqa: B023  (it is called at once)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            if used < 0:
                self.size = max(1, size // 2)
                return free_memory()
            if 2 * size > MOST or 2 * used > PART * free:
                return
            self.size = 2 * size

    def _answers(
        self, call: Callable[[Sequence[Any]], Sequence[Result]], given: list[Any], full: bool
    ) -> Sequence[Result] | None:
        """None if the memory does not suffice for so many; for one alone that is an error."""
        rows = [*given, *[given[-1]] * (self.size - len(given))] if full else given
        answers: Sequence[Result] | None = None
        try:
            answers = call(rows)
        except Exception as error:
            if not is_out_of_memory(error) or len(rows) == 1:
                raise
        if answers is None:  # only here is the exception gone, and with it what its frames held on the GPU
            self.size = len(rows) // 2
            free_memory()
            return None
        if len(answers) != len(rows):
            raise RuntimeError(f"a step answered {len(answers)} times to {len(rows)} units")
        return answers[: len(given)]


def is_out_of_memory(error: BaseException) -> bool:
    """CUDA's complaint, whichever class this version of torch gives it; without importing torch to find out."""
    return type(error).__name__ == "OutOfMemoryError" or "CUDA out of memory" in str(error)
