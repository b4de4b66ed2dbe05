"""A finished shard's manifest: how each of its items ended, and what it comes to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from labelyard.generate.record import Item
from labelyard.generate.run_folder.journal import Outcome
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.utils.atomic import write_atomic
from labelyard.utils.errors import UserError
from labelyard.utils.jsons import dump, parse
from labelyard.utils.text import one_line


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
        "reasons": _reasons(items, outcomes),  # so that of the whole run's the first lines tell enough
        "worker": worker,
        "at": round(time.time(), 3),
    }
    lines: list[dict[str, Any]] = [sums]
    for item in items:
        outcome = outcomes[item.id]
        line: dict[str, Any] = {"id": item.id, "status": outcome.status, **outcome.facts}
        if not outcome.done:
            line["image"] = item.label  # so that quarantine.jsonl needs no look into the shard
        lines.append(line)
    write_atomic(folder.manifest(shard), b"".join(dump(line) for line in lines))


def _reasons(items: list[Item], outcomes: dict[str, Outcome]) -> dict[str, list[Any]]:
    """Of every kind of failure the number and an example."""
    found: dict[str, list[Any]] = {}
    for item in items:
        facts = outcomes[item.id].facts
        if not outcomes[item.id].done:
            example = one_line(f"{item.label}: {facts['reason']}")
            found.setdefault(kind_of_reason(facts["step"], facts["reason"]), [0, example])[0] += 1
    return found


def kind_of_reason(step: str, reason: str) -> str:
    """The part of a reason that many items share: the step, and the words before the particulars."""
    kind = reason.partition(":")[0]
    return f"{step}: {kind}" if step else kind


def read_manifest(path: Path) -> Iterator[dict[str, Any]]:
    """The line of sums first, then one line per item."""
    with _opened(path) as file:
        lines = file.read().split(b"\n")[:-1]
    found = [_whole(path, line) for line in lines]
    sums, items = found[0] if found else _whole(path, b""), len(found) - 1
    if items != sums.get("items"):
        raise _damaged(path, f"it has {items} lines of {sums.get('items')}")
    return iter(found)


def read_sums(path: Path) -> dict[str, Any]:
    """The first line alone."""
    with _opened(path) as file:
        return _whole(path, file.readline())


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except IsADirectoryError:
        raise _damaged(path, "it is a folder") from None


def _whole(path: Path, line: bytes) -> dict[str, Any]:
    try:
        found = parse(line)
    except ValueError as error:
        raise _damaged(path, str(error)) from None
    if not isinstance(found, dict):
        raise _damaged(path, f"a line of it is {line[:40]!r}")
    return found


def _damaged(path: Path, how: str) -> UserError:
    # Written whole or not at all, so this was not us: a copy that was cut off, an editor, a broken disk.
    return UserError(f"{path} is damaged ({how}). Remove it and run the same command again: its records are kept")
