"""Items in flight: told to their shards' journals, their images read and decoded ahead in threads."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from labelyard.generate.errors import ItemError, PassingError
from labelyard.generate.file_system import PATIENCE
from labelyard.generate.media.load import Load, load, look
from labelyard.generate.record import Item, Record
from labelyard.generate.worker.image_threads import Job, Readers
from labelyard.generate.worker.shard import ShardWork
from labelyard.generate.worker.stop_signals import Stop


@dataclass(frozen=True)
class Flight:
    """Items that go through the steps together."""

    items: list[tuple[ShardWork, Item]]
    # Suspected of having taken a worker down: nothing else may be under way with them, or it would be suspected too.
    alone: bool = False


@dataclass(frozen=True)
class Begun:
    """An item that this worker has begun, until it has ended. It holds no pixels: a failed one is kept for a while."""

    shard: ShardWork
    item: Item
    order: int  # the how-many-th that was begun


@dataclass(frozen=True)
class Loading:
    """An item whose image is being decoded."""

    begun: Begun
    job: Job[Record]


class InFlight:
    def __init__(self, root: str | None, options: Load, read_timeout: float, stop: Stop) -> None:
        self._root, self._options, self._patience, self._stop = root, options, read_timeout, stop
        self._readers = Readers(max(1, options.threads), read_timeout)
        self._begun = 0

    def start(self, flight: Flight) -> list[Loading]:
        by_shard: dict[int, tuple[ShardWork, list[str]]] = {}
        for shard, item in flight.items:
            by_shard.setdefault(shard.number, (shard, []))[1].append(item.id)
        alone = {"alone": True} if len(flight.items) == 1 and flight.alone else {}
        for shard, ids in by_shard.values():
            # On disk before anything is touched: an item that takes the process down leaves this line behind.
            shard.journal.write("started", ids=ids, **alone)
        first, self._begun = self._begun + 1, self._begun + len(flight.items)
        return [
            Loading(Begun(shard, item, order), self._submit(item))
            for order, (shard, item) in enumerate(flight.items, first)
        ]

    def loaded(self, loading: Loading) -> Record | None:
        """The record, as soon as its image is there; None if a stop is asked for meanwhile."""
        job, item = loading.job, loading.begun.item
        for tries in (1, 2):
            while not self._readers.wait(job):
                if self._stop.asked:
                    return None
            try:
                return job.future.result()
            except PassingError as error:  # it hangs
                if tries == 2:
                    raise ItemError(f"{error} (tried twice)", item.id) from error
                job = self._submit(item, first=True)
        raise AssertionError("the second try returns or raises")

    def still_readable(self, item: Item) -> str | None:
        """Look again at an image that was read before: why it can't be read now, if so."""
        job = self._readers.submit(partial(look, item, self._root, self._options.urls), item.label, first=True)
        while not self._readers.wait(job):
            if self._stop.asked:
                return "a stop was asked for"
        error = job.future.exception()
        return None if error is None else f"an image that could be read before can't be read any more ({error})"

    def close(self) -> None:
        self._readers.close()

    def _submit(self, item: Item, first: bool = False) -> Job[Record]:
        return self._readers.submit(partial(self._read, item), item.label, first)

    def _read(self, item: Item) -> Record:
        pauses: Sequence[float | None] = (*PATIENCE, None)
        for pause in pauses:
            try:
                return load(item, self._root, self._options, self._patience)
            except PassingError as error:
                if pause is None or self._stop.asked:
                    raise ItemError(f"{error} (tried {len(PATIENCE) + 1} times)", item.id) from error
                time.sleep(pause)
        raise AssertionError("the last try returns or raises")
