"""Journals and manifests: what happened to the items of a shard.

A journal is one worker's account, whole lines appended one at a time. A torn last line is expected (its worker
was killed) and ignored. Events:

    started      ids              before a batch is touched; what was never finished may have killed its worker
    done         id, bytes, …     the record is on disk under its final name
    quarantined  id, reason, …
    stopping                      a signal came: what is unfinished from here on is nobody's fault
    spent        seconds          where the time went since the last such line

A manifest is the outcome of a whole shard: a line of sums, then one line per item in the shard's order.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generate.record import Item
from generate.run_folder import RunFolder
from utils.atomic import write_atomic


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
        self._lock = threading.Lock()
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)

    def write(self, event: str, **facts: Any) -> None:
        line = json.dumps({"t": round(time.time(), 3), "event": event, **facts}, ensure_ascii=False)
        data = (line + "\n").encode("utf-8", "surrogatepass")
        with self._lock:
            os.write(self._file, data)

    def outcome(self, outcome: Outcome) -> None:
        self.write(outcome.status, id=outcome.id, **outcome.facts)

    def close(self) -> None:
        with self._lock:
            os.close(self._file)


def read_journal(path: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a journal. What is torn is skipped: a later life appends behind it on a line of its own."""
    with path.open("rb") as file:
        for line in file:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict) and "event" in event:
                yield event


@dataclass(frozen=True)
class History:
    """What a shard's journals say."""

    outcomes: dict[str, Outcome]
    starts: dict[str, int]  # of unfinished items: how often they were started and then left by a worker that vanished


def read_history(journals: Iterable[Path]) -> History:
    outcomes: dict[str, Outcome] = {}
    starts: dict[str, int] = {}
    for path in journals:
        open_ids: set[str] = set()
        for event in read_journal(path):
            kind = event["event"]
            if kind == "started":
                open_ids.update(event["ids"])
            elif kind in ("done", "quarantined"):
                facts = {key: value for key, value in event.items() if key not in ("t", "event", "id")}
                outcomes[event["id"]] = Outcome(event["id"], kind, facts)
                open_ids.discard(event["id"])
            elif kind == "stopping":
                open_ids.clear()
        for item_id in open_ids:
            starts[item_id] = starts.get(item_id, 0) + 1
    return History(outcomes, {i: n for i, n in starts.items() if i not in outcomes})


def write_manifest(folder: RunFolder, shard: int, items: list[Item], outcomes: dict[str, Outcome], worker: str) -> None:
    """The shard is finished. Every item must have ended; the manifest's existence is the promise that it did."""
    done = [outcomes[item.id] for item in items if outcomes[item.id].done]
    sums = {
        "shard": shard,
        "items": len(items),
        "done": len(done),
        "quarantined": len(items) - len(done),
        "bytes": sum(outcome.facts.get("bytes", 0) for outcome in done),
        "instances": sum(outcome.facts.get("instances", 0) for outcome in done),
        "worker": worker,
        "at": round(time.time(), 3),
    }
    lines: list[dict[str, Any]] = [sums]
    for item in items:
        outcome = outcomes[item.id]
        line: dict[str, Any] = {"id": item.id, "status": outcome.status, **outcome.facts}
        if not outcome.done:
            line["image"] = item.image  # so that quarantine.jsonl needs no look into the shard
        lines.append(line)
    text = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
    write_atomic(folder.manifest(shard), text.encode("utf-8", "surrogatepass"))


def read_manifest(path: Path) -> Iterator[dict[str, Any]]:
    """The line of sums first, then one line per item."""
    with path.open("rb") as file:
        for line in file:
            yield json.loads(line)


def read_sums(path: Path) -> dict[str, Any]:
    """The first line alone."""
    with path.open("rb") as file:
        return json.loads(file.readline())
