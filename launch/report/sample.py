"""Which records are shown: some of all that are done, at random, without opening the others."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from labelyard.generate.run_folder.journal import read_history
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.manifest import read_manifest, read_sums


@dataclass(frozen=True)
class Chosen:
    """One finished record."""

    id: str
    shard: int
    path: Path


@dataclass(frozen=True)
class Sample:
    chosen: list[Chosen]  # in the order of the plan
    done: int  # finished records in all, of which these were chosen


def sample(folder: RunFolder, size: int, seed: int) -> Sample:
    """Of finished shards the first line of the manifest tells how many records there are; the others' journals are
    read. Only the manifests that a chosen record stands in are read further."""
    finished = folder.finished()
    begun = folder.journals_by_shard()
    shards = sorted(finished | begun.keys())
    unfinished = {number: _done_in_journals(begun[number]) for number in shards if number not in finished}
    counts = []
    for number in shards:
        try:
            counts.append(
                len(unfinished[number]) if number in unfinished else read_sums(folder.manifest(number))["done"]
            )
        except FileNotFoundError:  # taken back by a retry since the listing
            unfinished[number] = _done_in_journals(folder.journals_of(number))
            counts.append(len(unfinished[number]))
    ends = list(accumulate(counts))
    done = ends[-1] if ends else 0
    places = sorted(random.Random(seed).sample(range(done), min(size, done)))
    wanted: dict[int, set[int]] = {}
    for place in places:
        at = bisect_right(ends, place)
        wanted.setdefault(at, set()).add(place - (ends[at] - counts[at]))
    chosen: list[Chosen] = []
    for at, within in sorted(wanted.items()):
        number = shards[at]
        lines = unfinished[number] if number in unfinished else _done_in_manifest(folder, number)
        for position, (item_id, name) in enumerate(lines):
            if position in within:
                chosen.append(Chosen(item_id, number, folder.path / "records" / f"{number:05d}" / name))
    return Sample(chosen, done)


def _done_in_manifest(folder: RunFolder, number: int) -> Iterable[tuple[str, str]]:
    try:
        lines = read_manifest(folder.manifest(number))
    except FileNotFoundError:  # taken back by a retry since it was counted
        return _done_in_journals(folder.journals_of(number))
    next(lines)
    return ((line["id"], line["file"]) for line in lines if line["status"] == "done")


def _done_in_journals(paths: list[Path]) -> list[tuple[str, str]]:
    outcomes = read_history(paths).outcomes.values()
    return [(outcome.id, outcome.facts["file"]) for outcome in outcomes if outcome.done]
