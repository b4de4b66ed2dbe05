"""The GPU's memory, as far as it is this process's: what is free, what a call takes, the most that was ever taken."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

_most_so_far = 0  # bytes, of before the counter was last set back


def free_memory() -> None:
    """What torch keeps for itself goes back; without importing torch to find out that there is nothing."""
    torch = _torch()
    if torch is not None:
        torch.cuda.empty_cache()


def peak() -> int | None:
    """The most bytes that tensors ever took; None without a GPU."""
    torch = _torch()
    return None if torch is None else max(_most_so_far, int(torch.cuda.max_memory_allocated()))


class GpuMemory:
    """What a batch size is measured by."""

    def free(self) -> int:
        """Bytes that a call may take: what the device has left, and what torch holds without using it."""
        torch = _torch()
        if torch is None:
            return 0
        held = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
        return int(torch.cuda.mem_get_info()[0] + held)

    def used_by(self, call: Callable[[], Any]) -> int:
        """Bytes that the call takes at its height, beyond what is taken already."""
        global _most_so_far
        torch = _torch()
        if torch is None:
            call()
            return 0
        _most_so_far = peak() or 0
        torch.cuda.reset_peak_memory_stats()
        before = int(torch.cuda.memory_allocated())
        call()
        return int(torch.cuda.max_memory_allocated()) - before


def _torch() -> Any:
    torch = sys.modules.get("torch")
    return torch if torch is not None and torch.cuda.is_available() else None
