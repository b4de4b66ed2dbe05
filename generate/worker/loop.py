"""A worker: claims shards until none is left, and sees each of their items to its end.

Images are decoded ahead in threads, steps run in batches in this thread, records are written behind in threads. A batch
may span shards. All bookkeeping happens in this thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from typing import Any

from labelyard.generate.errors import AskedToStop, BrokenDevice, Ending, FatalError, ItemError
from labelyard.generate.file_system import explained
from labelyard.generate.media.load import Load
from labelyard.generate.pipeline import Pipeline
from labelyard.generate.record import Item, Record
from labelyard.generate.record_json.encode import Write
from labelyard.generate.record_json.files import write
from labelyard.generate.run_folder.claims import Claims, Owner
from labelyard.generate.run_folder.journal import Outcome
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.worker.accounts import Accounts
from labelyard.generate.worker.failure_budget import Budget
from labelyard.generate.worker.in_flight import Begun, Flight, InFlight, Loading
from labelyard.generate.worker.next_shard import Claiming
from labelyard.generate.worker.shard import ShardWork
from labelyard.generate.worker.stop_signals import Stop
from labelyard.generate.worker.tally import Tally
from labelyard.generate.worker.work import Work
from labelyard.generate.worker.written import Written
from labelyard.utils.redact import redacted
from labelyard.utils.text import one_line


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
        self._folder, self._pipeline, self._work, self._stop = folder, pipeline, work, stop
        self._write, self._made_by = write, made_by
        self.claims = Claims(folder, owner)
        self.tally = Tally()
        self._claiming = Claiming(folder, self.claims, owner.worker, work.max_attempts, stop)
        self._open: dict[int, ShardWork] = {}
        self._in_flight = InFlight(root, load, work.read_timeout, stop)
        self._written = Written(work.write_threads, self._write_one, lambda: pipeline.timed("wait for writing"))
        self._budget = Budget(work.max_failure_rate, self._still_well, folder.has_records)
        self._accounts = Accounts(pipeline)
        self._last_done: Item | None = None

    @property
    def done(self) -> int:
        """Records on disk, told in a journal: also those that this thread has not come round to."""
        return self.tally.done

    @property
    def failed(self) -> int:
        return self.tally.failed

    def used(self) -> dict[str, dict[str, float]]:
        return self._pipeline.used()

    def run(self) -> None:
        """Work until nothing is left to claim or a stop is asked for."""
        blameless = False  # whether unfinished items had no part in why this worker ends
        try:
            self._folder.sweep_small()
            with suppress(AskedToStop):
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
            ahead.append(self._in_flight.start(flight))
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

    def _compute(self, flight: list[Loading]) -> None:
        begun = {loading.begun.item.id: loading.begun for loading in flight}
        records: list[Record] = []
        for loading in flight:
            try:
                with self._pipeline.timed("wait for images"):
                    record = self._in_flight.loaded(loading)
            except ItemError as error:
                self._fail(loading.begun, "load", error.reason)
                continue
            if record is None:
                return  # the flight is left as it is: a stop is asked for
            records.append(record)
        ends: list[Ending] = []
        finished = self._pipeline.run(
            records, lambda record, step, reason: self._fail(begun[record.item.id], step, reason), ends.append
        )
        for record in finished:
            self._written.add(begun[record.item.id], record)
        self._collect(at_most=self._work.in_flight)
        if ends:  # now that what was done ahead of it is kept
            raise ends[0]

    def _write_one(self, shard: ShardWork, record: Record) -> Outcome:
        outcome = write(self._folder, shard.number, record, self._write, self._made_by)
        shard.journal.outcome(outcome)
        self.tally.count(done=True)
        return outcome

    def _collect(self, at_most: int) -> None:
        """Take in what is written; wait only while more than `at_most` are under way."""
        for begun, outcome in self._written.ended(at_most):
            if isinstance(outcome, ItemError):
                self._fail(begun, "write", outcome.reason)
                continue
            self._last_done = begun.item
            begun.shard.ended(outcome)
            self._budget.done(begun.order)
            self._finish_if_complete(begun.shard)

    def _fail(self, begun: Begun, step: str, reason: str) -> None:
        def mark(outcome: Outcome) -> None:
            begun.shard.journal.outcome(outcome)
            self.tally.count(done=False)
            begun.shard.ended(outcome)
            self._finish_if_complete(begun.shard)

        told = redacted(one_line(reason, 1000))
        outcome = Outcome(begun.item.id, "quarantined", {"reason": told, "step": step, "attempts": 1})
        self._budget.failed(begun.order, outcome, mark)

    def _still_well(self) -> str | None:
        """If what went well before fails too, it is not the items' fault."""
        return None if self._last_done is None else self._in_flight.still_readable(self._last_done)

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
        self._accounts.tell(shard.journal)
        shard.finish()
        self.claims.free(shard.number)

    def _leave(self, blameless: bool) -> None:
        """Whatever the reason: what is written counts, the rest is free for others."""
        self._in_flight.close()
        if blameless:
            for place, shard in enumerate(self._open.values()):
                with suppress(FatalError):  # a full disk may be the very reason for leaving
                    shard.journal.write("stopping")
                    if place == 0:
                        self._accounts.tell(shard.journal)
        self._written.close()
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
