"""Which records are shown: some of all that are done, at random, without opening the others."""

from __future__ import annotations

import random
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.standing import Standing


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
    standing = Standing(folder)
    shards = standing.touched()
    begun = {number: standing.done(number, said=True) for number in standing.begun()}
    counts = [len(begun[n]) if n in begun else standing.counts(n, said=True).done for n in shards]
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
        for position, line in enumerate(begun.get(number) or standing.done(number, said=True)):
            if position in within:
                chosen.append(Chosen(line["id"], number, folder.records_of(number) / line["file"]))
    return Sample(chosen, done)
