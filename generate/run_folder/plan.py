"""What was planned: passes over the source, and what each added."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Pass:
    """One reading of the source, and the shards that it added."""

    fingerprint: dict[str, Any]
    limit: int | None
    rows: int  # what the source yielded
    items: int  # what of it was new
    duplicates: int  # the same image and caption again, within this reading
    known: int  # items that an earlier pass had planned
    shards: int
    shard_size: int
    at: str
    refused: int = 0  # rows that are no items: refused.jsonl says where and why
    filtered: int = 0  # rows that source.where left out
    left_out: dict[str, int] = field(default_factory=dict)  # of a folder: what was not read, by kind
    imageless: int | None = None  # of the items: texts and videos; None where an earlier version planned


@dataclass(frozen=True)
class Plan:
    passes: tuple[Pass, ...] = ()

    @property
    def items(self) -> int:
        return sum(entry.items for entry in self.passes)

    @property
    def shards(self) -> int:
        return sum(entry.shards for entry in self.passes)

    @property
    def duplicates(self) -> int:
        return self.passes[-1].duplicates if self.passes else 0

    def shard_sizes(self) -> Iterator[int]:
        """The number of items of every shard, without opening one."""
        for entry in self.passes:
            for number in range(entry.shards):
                yield min(entry.shard_size, entry.items - number * entry.shard_size)
