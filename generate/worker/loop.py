"""A worker: claims shards until none is left, and sees each of their items to its end.

Images are decoded ahead in threads, steps run in batches in this thread, records are written behind in threads. A batch
may span shards. All bookkeeping happens in this thread.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from labelyard.generate.compute.gpu_memory import peak
from labelyard.generate.errors import BrokenDevice, FatalError, ItemError, PassingError
from labelyard.generate.file_system import PATIENCE, explained
from labelyard.generate.media.load import Load, load, read
from labelyard.generate.pipeline import Pipeline
from labelyard.generate.record import Item, Record
from labelyard.generate.record_json.encode import Write
from labelyard.generate.record_json.files import write
from labelyard.generate.run_folder.claims import Claims, Owner
from labelyard.generate.run_folder.journal import Outcome
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.worker.failure_budget import Budget
from labelyard.generate.worker.image_threads import Job, Readers
from labelyard.generate.worker.next_shard import Claiming
from labelyard.generate.worker.shard import ShardWork
from labelyard.generate.worker.stop_signals import Stop
from labelyard.generate.worker.tally import Tally
from labelyard.generate.worker.work import Work
from labelyard.utils.redact import redacted
from labelyard.utils.text import one_line


@dataclass(frozen=True)
class Flight:
    """Items that go through the steps together."""

    items: list[tuple[ShardWork, Item]]
    # Suspected of having taken a worker down: nothing else may be under way with them, or it would be suspected too.
    alone: bool = False


@dataclass(frozen=True)
class Loading:
    """An item whose image is being decoded."""

    shard: ShardWork
    item: Item
    job: Job[Record]


class Worker:
    def __init__(
        self,
        folder: RunFolder,
        owner: Owner,
        pipeline: Pipeline,
        *,
        root: str | None,
        load: Load,
        write: Write,
        work: Work,
        made_by: dict[str, str],
        stop: Stop,
    ) -> None:
        self._folder, self._owner, self._pipeline = folder, owner, pipeline
        self._root, self._load, self._write, self._work = root, load, write, work
        self._made_by = made_by
        self._stop = stop
        self.claims = Claims(folder, owner)
        self._claiming = Claiming(folder, self.claims, owner.worker, work.max_attempts, stop)
        self._budget = Budget(work.max_failure_rate, self._still_well, self._ever_well)
        self._open: dict[int, ShardWork] = {}
        self._writing: deque[tuple[ShardWork, Item, Future[Outcome]]] = deque()
        self._last_done: Item | None = None
        self._orders: dict[str, int] = {}  # of the items under way: the how-many-th each is that was begun
        self._begun = 0
        self.tally = Tally()

    @property
    def done(self) -> int:
        """Records on disk, told in a journal: also those that this thread has not come round to."""
        return self.tally.done

    @property
    def failed(self) -> int:
        return self.tally.failed

    def run(self) -> None:
        """Work until nothing is left to claim or a stop is asked for."""
        self._readers = Readers(max(1, self._load.threads), self._work.read_timeout)
        self._writers = ThreadPoolExecutor(max(1, self._work.write_threads), "write")
        self._accounted = time.perf_counter()
        blameless = False  # whether unfinished items had no part in why this worker ends
        try:
            self._folder.sweep_small()
            self._work_off()
            blameless = True
        except FatalError as error:
            blameless = not isinstance(error, BrokenDevice)
            raise
        except OSError as error:
            blameless = True
            raise explained(error, self._folder.path) from error
        finally:
            self._leave(blameless)

    def _work_off(self) -> None:
        ahead: deque[list[Loading]] = deque()
        for flight in self._flights():
            if self._stop.asked:
                break
            if flight.alone or not flight.items:
                self._drain(ahead)
            if not flight.items:
                self._judge()
                continue
            ahead.append(self._start(flight))
            if flight.alone or self._work.staged or len(ahead) > 1:
                self._compute(ahead.popleft())
            if flight.alone:
                self._drain(ahead)
        self._drain(ahead)
        self._judge()

    def _flights(self) -> Iterator[Flight]:
        """Batches of items, across shards. An empty one says: finish what is in hand, there is nothing to claim now."""
        filling: list[tuple[ShardWork, Item]] = []
        for shard in self._shards():
            if shard is None:
                if filling:
                    yield Flight(filling)
                    filling = []
                yield Flight([])
                continue
            self._open[shard.number] = shard
            for item in shard.fresh:
                filling.append((shard, item))
                if len(filling) >= self._work.in_flight:
                    yield Flight(filling)
                    filling = []
            for group in shard.groups(self._work.in_flight):
                yield Flight([(shard, item) for item in group], alone=True)
            self._finish_if_complete(shard)

    def _shards(self) -> Iterator[ShardWork | None]:
        """As they are claimed. After None the time goes by without work, until there is one again."""
        shards, idle = self._claiming.shards(), False
        while True:
            with self._pipeline.timed("wait for shards") if idle else nullcontext():
                try:
                    shard = next(shards)
                except StopIteration:
                    return
            idle = shard is None
            yield shard

    def _start(self, flight: Flight) -> list[Loading]:
        by_shard: dict[int, list[str]] = {}
        for shard, item in flight.items:
            by_shard.setdefault(shard.number, []).append(item.id)
        alone = {"alone": True} if len(flight.items) == 1 and flight.alone else {}
        for number, ids in by_shard.items():
            # On disk before anything is touched: an item that takes the process down leaves this line behind.
            self._open[number].journal.write("started", ids=ids, **alone)
        for _, item in flight.items:
            self._begun += 1
            self._orders[item.id] = self._begun
        return [Loading(shard, item, self._submit(item)) for shard, item in flight.items]

    def _submit(self, item: Item, first: bool = False) -> Job[Record]:
        return self._readers.submit(partial(self._read, item), item.image, first)

    def _read(self, item: Item) -> Record:
        for pause in (*PATIENCE, None):
            try:
                return load(item, self._root, self._load)
            except PassingError as error:
                if pause is None or self._stop.asked:
                    raise ItemError(f"{error} (tried {len(PATIENCE) + 1} times)", item.id) from error
                time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _loaded(self, loading: Loading) -> Record | None:
        """The record, as soon as its image is there; None if a stop is asked for meanwhile."""
        job = loading.job
        for tries in (1, 2):
            while not self._readers.wait(job):
                if self._stop.asked:
                    return None
            try:
                return job.future.result()
            except PassingError as error:  # it hangs
                if tries == 2:
                    raise ItemError(f"{error} (tried twice)", loading.item.id) from error
                job = self._submit(loading.item, first=True)
        raise AssertionError("the second try returns or raises")

    def _compute(self, flight: list[Loading]) -> None:
        records: list[Record] = []
        shards: dict[str, ShardWork] = {}
        for loading in flight:
            shards[loading.item.id] = loading.shard
            try:
                with self._pipeline.timed("wait for images"):
                    record = self._loaded(loading)
            except ItemError as error:
                self._fail(loading.shard, loading.item, "load", error.reason)
                continue
            if record is None:
                return  # the flight is left as it is: a stop is asked for
            records.append(record)
        finished = self._pipeline.run(
            records,
            lambda record, step, reason: self._fail(shards[record.item.id], record.item, step, reason),
        )
        for record in finished:
            shard = shards[record.item.id]
            self._writing.append((shard, record.item, self._writers.submit(self._write_one, shard, record)))
        self._collect(at_most=self._work.in_flight)

    def _write_one(self, shard: ShardWork, record: Record) -> Outcome:
        outcome = write(self._folder, shard.number, record, self._write, self._made_by)
        shard.journal.outcome(outcome)
        self.tally.count(done=True)
        return outcome

    def _collect(self, at_most: int) -> None:
        """Take in what is written; wait only while more than `at_most` are under way."""
        while self._writing and (self._writing[0][2].done() or len(self._writing) > at_most):
            shard, item, future = self._writing.popleft()
            try:
                with self._pipeline.timed("wait for writing"):
                    outcome = future.result()
            except ItemError as error:
                self._fail(shard, item, "write", error.reason)
                continue
            self._last_done = item
            shard.ended(outcome)
            self._budget.done(self._orders.pop(item.id))
            self._finish_if_complete(shard)

    def _fail(self, shard: ShardWork, item: Item, step: str, reason: str) -> None:
        def mark(outcome: Outcome) -> None:
            shard.journal.outcome(outcome)
            self.tally.count(done=False)
            shard.ended(outcome)
            self._finish_if_complete(shard)

        told = redacted(one_line(reason, 1000))
        outcome = Outcome(item.id, "quarantined", {"reason": told, "step": step, "attempts": 1})
        self._budget.failed(self._orders.pop(item.id), outcome, mark)

    def _still_well(self) -> str | None:
        """Look again at an image that was read before: if that fails too, it is not the items' fault."""
        item = self._last_done
        if item is None:
            return None
        job = self._readers.submit(partial(read, item, self._root), item.image, first=True)
        while not self._readers.wait(job):
            if self._stop.asked:
                return "a stop was asked for"
        error = job.future.exception()
        return None if error is None else f"an image that could be read before can't be read any more ({error})"

    def _ever_well(self) -> bool:
        return self._folder.has_records()

    def _drain(self, ahead: deque[list[Loading]]) -> None:
        while ahead and not self._stop.asked:
            self._compute(ahead.popleft())
        self._collect(at_most=0)

    def _judge(self) -> None:
        if not self._stop.asked:
            self._budget.end()

    def _finish_if_complete(self, shard: ShardWork) -> None:
        if not shard.complete or shard.number not in self._open:
            return
        del self._open[shard.number]
        self._account(shard)
        shard.finish()
        self.claims.free(shard.number)

    def _account(self, shard: ShardWork) -> None:
        """Where the time went since the last such line, and the most GPU memory that was ever taken."""
        seconds, now = self._pipeline.take_seconds(), time.perf_counter()
        known = sum(spent for name, spent in seconds.items() if not name.startswith("setup "))
        seconds["claims and journals"] = round(max(0.0, now - self._accounted - known), 3)
        self._accounted = now
        taken = peak()
        shard.journal.write("spent", seconds=seconds, **({"gpu_bytes": taken} if taken is not None else {}))

    def _leave(self, blameless: bool) -> None:
        """Whatever the reason: what is written counts, the rest is free for others."""
        self._readers.close()
        if blameless:
            for place, shard in enumerate(self._open.values()):
                with suppress(FatalError):  # a full disk may be the very reason for leaving
                    shard.journal.write("stopping")
                    if place == 0:
                        self._account(shard)
        self._writers.shutdown(wait=True)
        for shard in self._open.values():
            shard.journal.close()
        with suppress(OSError):  # a claim that can't be taken back gets stale
            self.claims.close()
            self._folder.sweep_small()


def make_worker(folder: RunFolder, config: dict[str, Any], owner: Owner, pipeline: Pipeline, stop: Stop) -> Worker:
    """A worker from the frozen config of a run."""
    return Worker(
        folder,
        owner,
        pipeline,
        root=config["image_root"],
        load=Load(**config["load"]),
        write=Write(**config["write"]),
        work=Work(**config["work"]),
        made_by=folder.read_run()["made_by"],
        stop=stop,
    )
