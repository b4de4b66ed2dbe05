"""A run's items in the order of the rows that they come from, with how each stands; in little memory, however many.

Within one planning the items are in that order. A list that has grown, or items that were tried again, make several
such parts, which are read side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import pairwise
from pathlib import Path
from typing import Any

from labelyard.generate.record import Item
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.standing import Standing
from labelyard.launch.dataflow_gen.flow import ROW


@dataclass(frozen=True)
class Stood:
    row: int
    item: Item
    outcome: dict[str, Any]  # status, and file, or step and reason
    records: Path  # the folder of its record

    @property
    def done(self) -> bool:
        return bool(self.outcome["status"] == "done")

    @property
    def failed(self) -> bool:
        return bool(self.outcome["status"] == "quarantined")

    @property
    def path(self) -> Path:
        found: Path = self.records / self.outcome["file"]
        return found

    @property
    def order(self) -> tuple[int, str]:
        return self.row, self.item.id


Begin = tuple[int, int]  # shard, and place in it


def in_order(folder: RunFolder) -> Iterator[Stood]:
    plan = folder.read_plan()
    bounds = [*_parts(folder, plan.shards), (plan.shards, 0)]
    parts = [_part(folder, begin, end) for begin, end in pairwise(bounds)]
    return merge(*parts, key=lambda one: one.order) if len(parts) > 1 else iter(parts[0] if parts else ())


def row_of(item: Item) -> int:
    return int(item.given.get(ROW, item.index))


def _parts(folder: RunFolder, shards: int) -> Iterator[Begin]:
    """Where the rows begin anew."""
    last: tuple[int, str] | None = None
    for shard in range(shards):
        for place, item in enumerate(folder.items(shard)):
            order = (row_of(item), item.id)
            if last is None or order < last:
                yield shard, place
            last = order


def _part(folder: RunFolder, begin: Begin, end: Begin) -> Iterator[Stood]:
    standing = Standing(folder)
    for shard in range(begin[0], min(end[0] + 1, standing.shards)):
        first = begin[1] if shard == begin[0] else 0
        last = end[1] if shard == end[0] else None
        if last == 0:
            return
        outcomes = {line["id"]: line for line in standing.of(shard)}
        records = folder.records_of(shard)
        for place, item in enumerate(folder.items(shard)):
            if place >= first and (last is None or place < last):
                yield Stood(row_of(item), item, outcomes[item.id], records)
