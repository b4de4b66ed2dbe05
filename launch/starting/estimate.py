"""How long a run will take, from what one worker does in a second."""

from __future__ import annotations

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.manifest import read_sums
from labelyard.generate.run_folder.workers import read_presence
from labelyard.launch.watching.progress import duration


def estimate(folder: RunFolder, rate: float | None, items: int, workers: int) -> str:
    """GPU hours and time for what is left of `items`; the rate is given, or as it was in this run so far."""
    whence = "as given"
    if rate is None:
        rate, whence = rate_of_a_worker(folder), "as in this run so far"
    if rate is None:
        return "unknown until a worker has run; rate=… (images per second of one worker) gives an estimate"
    left = left_of(folder, items)
    seconds = left / rate
    return (
        f"about {hours(seconds)} GPU hours for {left} items at {rate:.3g} images/s per worker ({whence}); "
        f"{duration(seconds / workers)} with {workers} workers"
    )


def left_of(folder: RunFolder, items: int) -> int:
    """Those of unfinished shards."""
    ended: int = sum(read_sums(folder.manifest(number))["items"] for number in folder.finished())
    return items - ended


def rate_of_a_worker(folder: RunFolder) -> float | None:
    """Images per second, over all workers of this run that have done anything."""
    ended = worked = 0.0
    for state in read_presence(folder):
        done = state.get("done", 0) + state.get("failed", 0)
        if done:
            ended, worked = ended + done, worked + state["at"] - state["working_since"]
    return ended / worked if worked > 0 else None


def hours(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:.2g}" if hours < 10 else f"{hours:.0f}"
