"""From a source to shards, as a stream; and whether a run folder is the one that the command means."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from generate.claims import HEARTBEAT, Claims, Owner
from generate.record import Item, item_id
from generate.run_folder import Pass, Plan, RunFolder
from generate.source import Entry, Refusal, Row, Source
from launch.refusals import Refusals
from utils.errors import UserError

SHARD_SIZE = 256
SHORT = 4096  # lists up to here get smaller shards, so that a few workers can share them

Told = Callable[[int], None]


@contextmanager
def planning(folder: RunFolder) -> Iterator[None]:
    """Only one process at a time plans a run; another waits for it here, and then finds its plan."""
    claims = Claims(folder, Owner.here(f"plan-{socket.gethostname()[:40]}-{os.getpid()}"))
    began, said = time.monotonic(), False
    while not claims.take_planning():
        time.sleep(0.2)
        if not said and time.monotonic() - began > 3:
            said = True
            print("another process is planning this run; waiting for it", file=sys.stderr, flush=True)
    end = threading.Event()
    beating = threading.Thread(target=_beat, args=(claims, end), name="planning", daemon=True)
    beating.start()
    try:
        yield
    finally:
        end.set()
        beating.join(timeout=HEARTBEAT)
        claims.close()


def _beat(claims: Claims, end: threading.Event) -> None:
    """However slow the source: who plans says so, lest the claim gets stale."""
    while not end.wait(HEARTBEAT):
        with suppress(OSError):
            claims.refresh()


def plan(folder: RunFolder, source: Source, limit: int | None, shard_size: int | None, tell: Told) -> Plan:
    """Bring the plan up to what the source holds now. Planned items stay as they are; new ones get new shards."""
    known = folder.read_plan()
    fingerprint = source.fingerprint()
    if known.passes and (known.passes[-1].fingerprint, known.passes[-1].limit) == (fingerprint, limit):
        return known
    grown = Plan((*known.passes, _read(folder, source, fingerprint, limit, shard_size, known, tell)))
    folder.write_plan(grown)
    return grown


def _read(
    folder: RunFolder,
    source: Source,
    fingerprint: dict[str, Any],
    limit: int | None,
    shard_size: int | None,
    known: Plan,
    tell: Told,
) -> Pass:
    with Refusals(source.max_refused, folder, len(known.passes)) as refusals:
        return _cut(folder, source, fingerprint, limit, shard_size, known, refusals, tell)


def _cut(
    folder: RunFolder,
    source: Source,
    fingerprint: dict[str, Any],
    limit: int | None,
    shard_size: int | None,
    known: Plan,
    refusals: Refusals,
    tell: Told,
) -> Pass:
    sieve = Sieve(refusals)
    for number in range(known.shards):
        for known_id in folder.ids(number):
            sieve.add_known(known_id)
    new = sieve.new(_with_captions(source, islice(source.entries(), limit)), tell)
    first = list(islice(new, SHORT + 1))
    size = shard_size or fitting_size(len(first))
    index, shards = known.items, known.shards
    chunk: list[Item] = []
    for entry_id, entry in chain(first, new):
        chunk.append(Item(entry_id, index, entry.image, entry.caption, entry.given, entry.place, entry.known))
        index += 1
        if len(chunk) == size:
            folder.write_shard(shards, chunk)
            shards, chunk = shards + 1, []
    if chunk:
        folder.write_shard(shards, chunk)
        shards += 1
    return Pass(
        fingerprint=fingerprint,
        limit=limit,
        rows=sieve.rows,
        items=index - known.items,
        duplicates=sieve.duplicates,
        known=sieve.met,
        refused=refusals.count,
        shards=shards - known.shards,
        shard_size=size,
        at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )


def fitting_size(items: int) -> int:
    """Long lists get whole shards; short ones enough of them that a handful of workers have something to share."""
    return SHARD_SIZE if items > SHORT else max(4, min(SHARD_SIZE, -(-items // 32)))


@dataclass
class Sieve:
    """Lets every item through once. It remembers ids alone: 8 bytes each, in a table of our own for its size."""

    refusals: Refusals
    rows: int = 0
    duplicates: int = 0
    met: int = 0  # rows that an earlier pass had planned
    _earlier: Ids = field(default_factory=lambda: Ids())
    _seen: Ids = field(default_factory=lambda: Ids())

    def add_known(self, known: str) -> None:
        self._earlier.add(int(known, 16))

    def new(self, rows: Iterator[Row], tell: Told) -> Iterator[tuple[str, Entry]]:
        for entry in rows:
            self.rows += 1
            if self.rows % 10_000 == 0:
                tell(self.rows)
            if isinstance(entry, Refusal):
                self.refusals.add(entry, self.rows)
                continue
            entry_id = item_id(entry.image, entry.caption)
            number = int(entry_id, 16)
            if not self._seen.add(number):
                self.duplicates += 1
            elif number in self._earlier:
                self.met += 1
            else:
                yield entry_id, entry


class Ids:
    """A set of 64-bit numbers in one array with open addressing: 16 to 32 bytes each, where a Python set takes 100."""

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * 1024))
        self._mask = 1023
        self._count = 0
        self._zero = False  # 0 marks an empty slot, so the number 0 itself is kept apart

    def __contains__(self, number: int) -> bool:
        return self._zero if number == 0 else self._slots[self._find(number)] == number

    def add(self, number: int) -> bool:
        """True if it was not in before."""
        if number == 0:
            new, self._zero = not self._zero, True
            return new
        position = self._find(number)
        if self._slots[position] == number:
            return False
        self._slots[position] = number
        self._count += 1
        if self._count * 2 > self._mask:
            self._grow()
        return True

    def _find(self, number: int) -> int:
        slots, mask = self._slots, self._mask
        position = number & mask
        while slots[position] not in (0, number):
            position = (position + 1) & mask
        return position

    def _grow(self) -> None:
        old = self._slots
        self._mask = 2 * len(old) - 1
        self._slots = array("Q", bytes(16 * len(old)))
        for number in old:
            if number:
                self._slots[self._find(number)] = number


def _with_captions(source: Source, entries: Iterator[Row]) -> Iterator[Row]:
    """A list in which no row at all has the caption's key has it under another name; better asked than trained on."""
    rows, captions, keys = 0, False, list[str]()
    for entry in entries:
        if isinstance(entry, Refusal):
            yield entry
            continue
        rows += 1
        captions = captions or entry.has_caption
        keys = keys or list(entry.given)
        if rows == 1000 and not captions:
            break
        yield entry
    if rows and not captions and source.caption_key is not None:
        others = ", ".join(keys) or "none"
        raise UserError(
            f"source.path={source.path}: none of the first {rows} rows has '{source.caption_key}' (their other keys: "
            f"{others}). Name the right one with source.caption_key=…, or say source.caption_key=null if there are none"
        )
