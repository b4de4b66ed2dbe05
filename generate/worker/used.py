"""What the other workers of a run have used, by their own words."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.workers import read_presence, used_in
from labelyard.generate.surroundings import Used

LOOK = 5.0  # seconds between two looks: a file for each worker that there ever was


class UsedByOthers:
    def __init__(self, folder: RunFolder, worker: str) -> None:
        self._folder, self._worker = folder, worker
        self._seen: list[dict[str, Any]] = []
        self._looked: float | None = None

    def of(self, step: str) -> Used:
        if self._looked is None or time.monotonic() - self._looked > LOOK:
            self._looked = time.monotonic()
            self._seen = [state for state in read_presence(self._folder) if state["worker"] != self._worker]
        total: Counter[str] = Counter()
        for state in self._seen:
            total.update(used_in(state).get(step, {}))
        return total
