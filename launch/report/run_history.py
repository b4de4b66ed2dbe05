"""How a run went, from what its workers left behind: speed over time, workers alive, where the time went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from labelyard.generate.run_folder.journal import read_journal
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.manifest import read_sums
from labelyard.generate.run_folder.workers import read_presence
from labelyard.launch.watching.overview import Overview, Reason
from labelyard.launch.watching.time_spent import read_spent

READ_WHOLE = 300  # journals; of more, only the first lines of the manifests are read
MOMENTS = 60  # points of a curve, at most
ITEMS = 16  # per point, at least: items come to their end a batch at a time


@dataclass(frozen=True)
class Account:
    rate: list[tuple[float, float]]  # seconds since the run began, images per second
    alive: list[tuple[float, float]]  # seconds since the run began, workers
    spent: dict[str, float]  # step -> seconds of all workers
    reasons: Sequence[Reason]


def account(folder: RunFolder, seen: Overview) -> Account:
    ended = _ended(folder)
    workers = read_presence(folder)
    spans = [(state["began"], state["at"]) for state in workers if isinstance(state.get("began"), int | float)]
    first = min([*(at for at, _ in ended), *(began for began, _ in spans)], default=0.0)
    return Account(
        rates([(at - first, number) for at, number in ended]),
        alive([(began - first, at - first) for began, at in spans]),
        read_spent(folder),
        seen.reasons,
    )


def _ended(folder: RunFolder) -> list[tuple[float, int]]:
    """When how many items ended: each by itself, or, of a large run, shard by shard."""
    journals = [path for paths in folder.journals_by_shard().values() for path in paths]
    if len(journals) > READ_WHOLE:
        ends = list[tuple[float, int]]()
        for number in sorted(folder.finished()):
            with suppress(FileNotFoundError):  # taken back by a retry since the listing
                sums = read_sums(folder.manifest(number))
                ends.append((sums["at"], sums["items"]))
        return ends
    times: dict[str, float] = {}  # two workers on one shard may both have finished an item
    for path in journals:
        for event in read_journal(path):
            # What retry.py carries over from a manifest has no time; the journal that it came from has it.
            if event["event"] in ("done", "quarantined") and "t" in event:
                times[event["id"]] = min(event["t"], times.get(event["id"], event["t"]))
    return [(at, 1) for at in times.values()]


def rates(ended: Sequence[tuple[float, int]]) -> list[tuple[float, float]]:
    """Images per second in each of so many equal parts of the run."""
    if not ended:
        return []
    last = max(at for at, _ in ended)
    parts = max(1, min(MOMENTS, sum(number for _, number in ended) // ITEMS, int(last)))
    width = max(last / parts, 1e-3)
    counts: Counter[int] = Counter()
    for at, number in ended:
        counts[min(parts - 1, int(at / width))] += number
    return [((part + 0.5) * width, counts[part] / width) for part in range(parts)]


def alive(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """How many workers there were from each moment on at which that changed."""
    changes: Counter[float] = Counter()
    for began, at in spans:
        changes[began] += 1
        changes[at] -= 1
    result, number = [(0.0, 0.0)] if changes else [], 0
    for moment in sorted(changes):
        number += changes[moment]
        result.append((moment, float(number)))
    return result
