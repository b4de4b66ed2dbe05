"""Which shard a worker tries next, so that a thousand workers neither queue at one nor ask for each in turn.

Whoever claims in a fixed order walks past all that others have finished since; at a random place among what was free at
the last look it seldom meets them. Where it does several times in a row, that look has become old, and a new one (two
listings of folders) costs less than to go on asking.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Iterator

MISSES = 8  # in a row, before the lists are read anew
LOOKED_AT = 64  # claims of others, of which one may be dead, that one worker looks at when nothing else is left


class Turns:
    """What was free at one look, in random order, until it is all tried or has become old."""

    def __init__(self, free: Iterable[int], chance: random.Random, patience: int = MISSES) -> None:
        self._left = list(free)
        self._chance, self._patience = chance, patience
        self._misses = 0
        self.hits = 0

    @property
    def old(self) -> bool:
        return self._misses >= self._patience

    def __iter__(self) -> Iterator[int]:
        while self._left and not self.old:
            place = self._chance.randrange(len(self._left))
            self._left[place], self._left[-1] = self._left[-1], self._left[place]
            yield self._left.pop()

    def tell(self, got: bool) -> None:
        """What has become of the last one."""
        self._misses = 0 if got else self._misses + 1
        self.hits += got


def some(left: Collection[int], chance: random.Random) -> list[int]:
    """Of the shards that others hold, those that this worker looks at: many workers together look at each."""
    return chance.sample(sorted(left), min(LOOKED_AT, len(left)))
