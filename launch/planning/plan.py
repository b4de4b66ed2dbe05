"""From a source to shards, as a stream; and whether a run folder is the one that the command means."""

from __future__ import annotations

import gc
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from labelyard.generate.rows import Rows
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.plan import Pass, Plan
from labelyard.generate.run_folder.shard_lines import Line, encoded, item_lines
from labelyard.generate.source import Source
from labelyard.launch.planning.new_items import Sieve, Told
from labelyard.launch.planning.reading import reading, rows_of
from labelyard.launch.planning.refused_rows import Refusals
from labelyard.utils.errors import UserError

SHARD_SIZE = 512
LONG = 65_536  # items; lists up to here are read to the end before they are cut, so that the shards fit their length
WRITERS = 4  # for a server that takes its time
WAITING = 64  # shards to be written: the disk may pause for a moment


def plan(folder: RunFolder, source: Source, limit: int | None, shard_size: int | None, tell: Told) -> Plan:
    """Bring the plan up to what the source holds now. Planned items stay as they are; new ones get new shards."""
    known = folder.read_plan()
    with reading(source):
        fingerprint = {**source.fingerprint(), "read": source.how()}
    if known.passes and (known.passes[-1].fingerprint, known.passes[-1].limit) == (fingerprint, limit):
        return known
    reading_now = Reading(folder, source, limit, shard_size, known, tell)
    grown = Plan((*known.passes, reading_now.into_shards(fingerprint)))
    folder.write_plan(grown)
    return grown


@dataclass(frozen=True)
class Reading:
    """One pass over the source, behind the shards of those before it."""

    folder: RunFolder
    source: Source
    limit: int | None
    shard_size: int | None  # None: what fits the number of items
    known: Plan
    tell: Told

    def into_shards(self, fingerprint: dict[str, Any]) -> Pass:
        with Refusals(self.source.max_refused, self.folder, len(self.known.passes)) as refusals, uncollected():
            sieve = Sieve(self.source, refusals)
            sieve.know(self.folder, self.known.shards)
            lines = self.lines(sieve)
            first = _beginning(lines)
            size, many = self.shard_size or fitting_size(len(first)), len(first) > LONG
            with Shards(self.folder, self.known.shards, size, many) as shards:
                shards.add(first)
                for some in lines:
                    shards.add(some)
        return Pass(
            fingerprint=fingerprint,
            limit=self.limit,
            rows=sieve.rows,
            items=shards.items,
            duplicates=sieve.duplicates,
            known=sieve.met,
            refused=refusals.count,
            filtered=sieve.filtered,
            left_out=dict(self.source.left_out()),
            imageless=sieve.imageless,
            shards=shards.number - self.known.shards,
            shard_size=size,
            at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        )

    def lines(self, sieve: Sieve) -> Iterator[list[Line]]:
        """Of the new items, thousands at a time."""
        index = self.known.items
        for sifted in sieve.sift(_with_captions(self.source, rows_of(self.source, self.limit)), self.tell):
            yield item_lines(sifted.rows, sifted.ids, sifted.new, index)
            index += len(sifted.new)


@contextmanager
def uncollected() -> Iterator[None]:
    """Nothing in a plan refers to itself, so the search for what does is vain; it would take a tenth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _beginning(lines: Iterator[list[Line]]) -> list[Line]:
    """All of a short list, or enough of it to know that it is long."""
    first: list[Line] = []
    for some in lines:
        first += some
        if len(first) > LONG:
            break
    return first


def fitting_size(items: int) -> int:
    """Long lists get whole shards; short ones enough of them that a handful of workers have something to share."""
    return SHARD_SIZE if items > LONG else max(4, min(-(-items // 32), 128), -(-items // 256))


class Shards:
    """Lines become shards. Threads write them, since to wait for the disk each time would take longer than all else."""

    def __init__(self, folder: RunFolder, number: int, size: int, many: bool) -> None:
        """Few are synced one by one; many all together at the end, with whatever else waits for the same disk."""
        self.number = number
        self.items = 0
        self._size = size
        self._many = many
        self._folder = folder
        self._lines: list[Line] = []
        self._writing: deque[Future[None]] = deque()
        self._naming = threading.Lock()
        self._threads = ThreadPoolExecutor(WRITERS, "plan")

    def __enter__(self) -> Shards:
        return self

    def add(self, lines: list[Line]) -> None:
        self._lines += lines
        self.items += len(lines)
        size = self._size
        whole = len(self._lines) // size * size
        for start in range(0, whole, size):
            self._write(self._lines[start : start + size])
        del self._lines[:whole]

    def _write(self, lines: list[Line]) -> None:
        self._writing.append(
            self._threads.submit(self._folder.write_lines, self.number, encoded(lines), not self._many, self._naming)
        )
        self.number += 1
        while len(self._writing) > WAITING or (self._writing and self._writing[0].done()):
            self._writing.popleft().result()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self._lines:
                self._write(self._lines)
        finally:
            self._threads.shutdown(cancel_futures=kind is not None)
        if kind is None:
            for writing in self._writing:
                writing.result()
            if self._many:
                self._folder.sync_shards()


def _with_captions(source: Source, many: Iterator[Rows]) -> Iterator[Rows]:
    """A list in which no row at all has the caption's key has it under another name; better asked than trained on."""
    count, captions, keys = 0, False, list[str]()
    for rows in many:
        count += len(rows.images)
        captions = captions or rows.has_caption
        keys = keys or (rows.keys_of(0) if rows.images else [])
        if count >= 1000 and not captions and source.caption_key is not None:
            break
        yield rows
    if count and not captions and source.caption_key is not None:
        others = ", ".join(keys) or "none"
        raise UserError(
            f"source.path={source.path}: none of the first {count} rows has '{source.caption_key}' (their other keys: "
            f"{others}). Name the right one with source.caption_key=…, or say source.caption_key=null if there are none"
        )
