"""Journals and manifests: what happened to the items of a shard.

A journal is one worker's account, whole lines appended one at a time. A torn last line is expected (its worker
was killed) and ignored. Events:

    opened       retries          only where there were retries: those that this worker knows of, from here on
    started      ids, alone       before a batch is touched; what was started and never finished may have killed it
    done         id, bytes, …     the record is on disk under its final name
    quarantined  id, reason, …
    stopping                      a signal came: what is unfinished from here on is nobody's fault
    spent        seconds          where the time went since the last such line; gpu_bytes: the most memory so far
    retried      retry, ids       launch/retry.py: what was said of these items, by whoever did not know of it, is void

A manifest is the outcome of a whole shard: a line of sums, then one line per item in the shard's order.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelyard.generate.file_system import explained
from labelyard.utils.faults import point
from labelyard.utils.jsons import dump, parse


@dataclass(frozen=True)
class Outcome:
    """How an item ended."""

    id: str
    status: str  # "done" or "quarantined"
    facts: dict[str, Any]  # done: file, bytes, instances; quarantined: reason, step, attempts

    @property
    def done(self) -> bool:
        return self.status == "done"


class Journal:
    """The journal that this worker writes for one shard."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        size = os.fstat(self._file).st_size
        self._torn = size > 0 and os.pread(self._file, 1, size - 1) != b"\n"

    def write(self, event: str, **facts: Any) -> None:
        data = dump({"t": round(time.time(), 3), "event": event, **facts})
        with self._lock:
            if self._torn:
                data = b"\n" + data  # else this line would be lost with the torn one
            try:
                self._append(data)
            except OSError as error:
                raise explained(error, self._path.parent.parent) from error

    def _append(self, data: bytes) -> None:
        self._torn = True
        point("journal", lambda: os.write(self._file, data[: len(data) // 2]))
        while data:  # a disk that is nearly full takes a part of it
            data = data[os.write(self._file, data) :]
        self._torn = False

    def outcome(self, outcome: Outcome) -> None:
        self.write(outcome.status, id=outcome.id, **outcome.facts)

    def close(self) -> None:
        with self._lock:
            os.close(self._file)


def read_journal(path: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a journal. What is torn is skipped: a later life appends behind it on a line of its own."""
    with path.open("rb") as file:
        for line in file:
            event = parse_event(line)
            if event is not None:
                yield event


def parse_event(line: bytes) -> dict[str, Any] | None:
    """The event, unless the line is torn."""
    try:
        event = parse(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict):
        return None
    kind = event.get("event")
    if kind in ("started", "retried"):
        return event if isinstance(event.get("ids"), list) else None
    if kind in ("done", "quarantined"):
        return event if FACTS[kind] <= event.keys() else None
    return event if isinstance(kind, str) else None


FACTS = {
    "done": {"id", "file", "bytes", "instances"},
    "quarantined": {"id", "reason", "step", "attempts"},
}


@dataclass(frozen=True)
class History:
    """What a shard's journals say."""

    outcomes: dict[str, Outcome]
    starts: dict[str, int]  # of unfinished items: how often they were started and then left by a worker that vanished
    alone: frozenset[str] = frozenset()  # those of them that had no company when a worker vanished
    retries: tuple[str, ...] = ()


def read_history(journals: Iterable[Path]) -> History:
    """All journals together. Their order says nothing, and neither do their times: hosts disagree about the time.

    What is void because of a retry shows by what the writer knew, not by when it wrote.
    """
    accounts = [list(read_journal(path)) for path in sorted(journals)]
    retries: dict[str, set[str]] = {}  # item id -> the retries that it was in
    known: set[str] = set()
    for event in (event for account in accounts for event in account if event["event"] == "retried"):
        known.add(str(event.get("retry")))
        for item_id in event["ids"]:
            retries.setdefault(item_id, set()).add(str(event.get("retry")))
    outcomes: dict[str, Outcome] = {}
    starts: dict[str, int] = {}
    alone: set[str] = set()
    for account in accounts:
        left, left_alone = _read_account(account, retries, outcomes)
        alone |= left_alone
        for item_id in left:
            starts[item_id] = starts.get(item_id, 0) + 1
    unfinished = {item_id: number for item_id, number in starts.items() if item_id not in outcomes}
    return History(outcomes, unfinished, frozenset(alone & unfinished.keys()), tuple(sorted(known)))


def _read_account(
    account: list[dict[str, Any]], retries: dict[str, set[str]], outcomes: dict[str, Outcome]
) -> tuple[set[str], set[str]]:
    """Adds to `outcomes`; returns what was started and left, and what of it was alone."""
    left: set[str] = set()
    alone: set[str] = set()
    seen: set[str] = set()
    for event in account:
        kind = event["event"]
        if kind == "opened":
            seen = set(event.get("retries", ()))
            left = {item_id for item_id in left if retries.get(item_id, set()) <= seen}
        elif kind == "started":
            valid = {item_id for item_id in event["ids"] if retries.get(item_id, set()) <= seen}
            left |= valid
            alone |= valid if event.get("alone") else set()
        elif kind in ("done", "quarantined"):
            item_id = event["id"]
            if not retries.get(item_id, set()) <= seen:
                continue
            left.discard(item_id)
            # Of two workers on one shard one may fail where the other did not: what is done is done.
            if kind == "done" or item_id not in outcomes:
                facts = {key: value for key, value in event.items() if key not in ("t", "event", "id")}
                outcomes[item_id] = Outcome(item_id, kind, facts)
        elif kind == "stopping":
            left.clear()
    return left, alone & left
