"""Where a worker's time went, told shard by shard in their journals."""

from __future__ import annotations

import time

from labelyard.generate.compute.gpu_memory import peak
from labelyard.generate.pipeline import Pipeline
from labelyard.generate.run_folder.journal import Journal


class Accounts:
    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._told = time.perf_counter()

    def tell(self, journal: Journal) -> None:
        """Where the time went since the last such line, and the most GPU memory that was ever taken."""
        seconds, now = self._pipeline.take_seconds(), time.perf_counter()
        known = sum(spent for name, spent in seconds.items() if not name.startswith("setup "))
        seconds["claims and journals"] = round(max(0.0, now - self._told - known), 3)
        self._told = now
        taken = peak()
        journal.write("spent", seconds=seconds, **({"gpu_bytes": taken} if taken is not None else {}))
