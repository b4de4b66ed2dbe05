"""A batch size that learns: halved for good when the GPU's memory runs out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

Unit = TypeVar("Unit")
Result = TypeVar("Result")


class Batches:
    def __init__(self, size: int) -> None:
        self.size = max(1, size)

    def map(
        self,
        call: Callable[[Sequence[Unit]], Sequence[Result]],
        units: Sequence[Unit],
        key: Callable[[Unit], Hashable] | None = None,
    ) -> list[Result]:
        """Results in the order of the units. Only units of one key (an image size, say) share a batch."""
        groups: dict[Hashable, list[int]] = {}
        for position, unit in enumerate(units):
            groups.setdefault(key(unit) if key else None, []).append(position)
        results: dict[int, Result] = {}
        for positions in groups.values():
            start = 0
            while start < len(positions):
                chosen = positions[start : start + self.size]
                answers: Sequence[Result] | None = None
                try:
                    answers = call([units[p] for p in chosen])
                except Exception as error:
                    if not is_out_of_memory(error) or len(chosen) == 1:
                        raise
                if answers is None:  # only here is the exception gone, and with it what its frames held on the GPU
                    self.size = len(chosen) // 2
                    free_memory()
                    continue
                if len(answers) != len(chosen):
                    raise RuntimeError(f"a step answered {len(answers)} times to {len(chosen)} units")
                results.update(zip(chosen, answers, strict=True))
                start += len(chosen)
        return [results[p] for p in range(len(units))]


def is_out_of_memory(error: BaseException) -> bool:
    """CUDA's complaint, whichever class this version of torch gives it; without importing torch to find out."""
    return type(error).__name__ == "OutOfMemoryError" or "CUDA out of memory" in str(error)


def free_memory() -> None:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
