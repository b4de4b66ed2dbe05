"""Where the workers' time goes, and what failed last: read off the ends of the journals, which are small to read."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from labelyard.generate.run_folder.journal import History, parse_event, read_history
from labelyard.generate.run_folder.layout import RunFolder

TAIL = 16_384  # bytes of a journal; the line with the seconds is among its last
LATEST = 200  # journals, those that were written to last
MOST = 2000
# What a worker does beside its steps, and what to do if most of the time goes there.
ADVICE = {
    "wait for images": "reading and decoding images. Try more load.threads, or a faster place for the images",
    "wait for writing": "writing records. Try more work.write_threads, or a faster place for the output",
    "wait for shards": "waiting for shards that others hold. They finish them, or their claims run out",
    "claims and journals": "claiming shards and writing journals. Try a larger shard_size, or a faster place for the "
    "output",
    "setup": "loading models, which weighs less the longer a worker works",
}


def read_spent(folder: RunFolder) -> dict[str, float]:
    """Seconds of all workers, by step. Of a huge run evenly chosen journals speak for the others."""
    journals = sorted(path for paths in folder.journals_by_shard().values() for path in paths)
    every = -(-len(journals) // MOST) or 1
    return total_seconds(event for path in journals[::every] for event in _tail(path))


@dataclass(frozen=True)
class Failure:
    at: float
    image: str
    step: str
    reason: str


@dataclass(frozen=True)
class Latest:
    """Of the journals that were written to last."""

    spent: dict[str, float]  # seconds by step
    failures: list[Failure]
    gpu_bytes: int | None  # the most that a worker ever took; None without a GPU
    ended: dict[str, list[tuple[float, bool]]]  # by worker: when, by its own clock, and whether done

    def ended_since(self, worker: str, moment: float) -> tuple[int, int]:
        """How many of its items were done and quarantined after it."""
        later = [done for at, done in self.ended.get(worker, []) if at > moment]
        return sum(later), len(later) - sum(later)


def latest(folder: RunFolder, most: int = 5) -> Latest:
    journals = [(shard, worker_of(path), list(_tail(path))) for shard, path in _touched_last(folder)]
    events = [(shard, event) for shard, _, told in journals for event in told]
    ended: dict[str, list[tuple[float, bool]]] = {}
    for _, worker, told in journals:
        for event in told:
            if event["event"] in ("done", "quarantined") and "t" in event:
                ended.setdefault(worker, []).append((event["t"], event["event"] == "done"))
    failed = sorted(
        (
            (event["t"], shard, event["id"])
            for shard, event in events
            if event["event"] == "quarantined" and "t" in event
        ),
        reverse=True,
    )
    taken = [event["gpu_bytes"] for _, event in events if isinstance(event.get("gpu_bytes"), int)]
    spent = total_seconds(event for _, event in events)
    return Latest(spent, list(islice(_still_failed(folder, failed), most)), max(taken, default=None), ended)


def _still_failed(folder: RunFolder, failed: list[tuple[float, int, str]]) -> Iterator[Failure]:
    """Those that count: not what retry.py has put back since, nor what another worker did well; each of them once."""
    journals = folder.journals_by_shard() if failed else {}
    histories: dict[int, History] = {}
    told: set[str] = set()
    for at, shard, item_id in failed:
        if shard not in histories:
            histories[shard] = read_history(journals.get(shard, []))
        outcome = histories[shard].outcomes.get(item_id)
        if outcome is None or outcome.done or item_id in told:
            continue
        told.add(item_id)
        yield Failure(at, _image(folder, shard, item_id), outcome.facts["step"], outcome.facts["reason"])


def total_seconds(events: Iterable[dict[str, Any]]) -> dict[str, float]:
    """Loading the models is one thing, whichever model it was."""
    total: Counter[str] = Counter()
    for event in events:
        if event["event"] == "spent" and isinstance(event.get("seconds"), dict):
            for name, seconds in event["seconds"].items():
                total["setup" if name.startswith("setup ") else name] += seconds
    return {name: round(seconds, 3) for name, seconds in total.most_common()}


def shares(spent: Mapping[str, float]) -> dict[str, float]:
    """Of the whole, the largest first."""
    total = sum(spent.values()) or 1.0
    return {name: seconds / total for name, seconds in sorted(spent.items(), key=lambda part: -part[1])}


def bound_by(spent: dict[str, float]) -> str | None:
    """What to look at if it is to go faster; None if nothing is known yet."""
    if not spent:
        return None
    name = max(spent, key=lambda name: spent[name])
    share = 100 * spent[name] / sum(spent.values())
    return f"{ADVICE.get(name, f'the step {name}')} ({share:.0f} % of the workers' time)"


def _touched_last(folder: RunFolder) -> list[tuple[int, Path]]:
    try:
        with os.scandir(folder.journals) as entries:
            found = [(e.stat().st_mtime, e.name) for e in entries if e.name.endswith(".jsonl") and e.name[0] != "."]
    except FileNotFoundError:
        return []
    return [(int(name.partition(".")[0]), folder.journals / name) for _, name in sorted(found)[-LATEST:]]


def worker_of(journal: Path) -> str:
    """Whose it is, by its name."""
    return journal.name.partition(".")[2].removesuffix(".jsonl")


def _tail(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL))
        lines = file.read().splitlines()
    for line in lines[1 if size > TAIL else 0 :]:
        event = parse_event(line)
        if event is not None:
            yield event


def _image(folder: RunFolder, shard: int, item_id: str) -> str:
    return next((item.label for item in folder.items(shard) if item.id == item_id), item_id)
