"""Which shard a worker takes next, and waiting for one while others hold what is left."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Iterator
from functools import partial

from labelyard.generate.file_system import patiently
from labelyard.generate.run_folder.claims import Claims
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.worker.shard import ShardWork
from labelyard.generate.worker.stop_signals import Stop

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


LONGEST_WAIT = 10.0  # seconds


class Claiming:
    def __init__(self, folder: RunFolder, claims: Claims, worker: str, max_attempts: int, stop: Stop) -> None:
        self._folder, self._claims, self._stop = folder, claims, stop
        self._worker, self._max_attempts = worker, max_attempts
        self._chance = random.Random()
        self.looks = 0

    def shards(self) -> Iterator[ShardWork | None]:
        """Claimed as they are asked for; None whenever there is none to be had at the moment."""
        while not self._stop.asked:
            left, taken = self.look()
            turns = Turns(sorted(left - taken), self._chance)
            yield from self._tried(turns)
            if turns.hits or turns.old:
                continue  # whoever stops meanwhile leaves shards behind
            others = Turns(some(left, self._chance), self._chance, patience=LOOKED_AT + 1)
            yield from self._tried(others)
            if others.hits:
                continue
            yield None
            left, _ = self.look()
            waits = [self._claims.seconds_until_stale(number) for number in some(left, self._chance)]
            if all(wait is None for wait in waits):
                return  # all that is left is in the hands of workers that live
            self._stop.wait(min([LONGEST_WAIT, *(wait + 0.2 for wait in waits if wait is not None)]))

    def look(self) -> tuple[set[int], set[int]]:
        """The shards that are not finished and not ours, and those that have a claim."""
        self.looks += 1
        taken = self._claims.taken()  # first: what is finished in between is on the other list
        left = set(range(self._folder.read_plan().shards)) - self._folder.finished() - self._claims.held
        return left, taken

    def _tried(self, turns: Turns) -> Iterator[ShardWork]:
        for number in turns:
            if self._stop.asked:
                return
            shard = patiently(partial(self.open, number), self._folder.path)
            turns.tell(shard is not None)
            if shard is not None:
                yield shard

    def open(self, number: int) -> ShardWork | None:
        """Claim the shard; None if somebody works on it or has finished it since the look."""
        if not self._claims.take(number):
            return None
        untouched = self._folder.open_shard(number)
        if not untouched and self._folder.manifest(number).exists():
            self._claims.free(number)
            return None
        return ShardWork(self._folder, number, self._worker, self._max_attempts, untouched)
