"""What asking models will cost, from the prices that were given."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from labelyard.generate.record import Item
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.shard_lines import item_lines
from labelyard.generate.step import Expected, Step
from labelyard.launch.watching.used import used_by
from labelyard.utils.english import counted

if TYPE_CHECKING:
    from labelyard.launch.planning.new_items import Sifted

SAMPLE = 20  # items


def items_of(sifted: Sifted, most: int) -> list[Item]:
    """The first of those that are new."""
    lines = item_lines(sifted.rows, sifted.ids, sifted.new[:most], 0)
    return [Item.from_json(json.loads(msgspec.json.encode(line))) for line in lines]


def costs(folder: RunFolder, steps: Mapping[str, Step], left: int, sample: Sequence[Item]) -> Iterator[str]:
    """A line for each step whose answers have a price: as it was in this run so far, else as its prompts are long."""
    used = used_by(folder) if folder.run_json.exists() else {}
    ended = _ended(folder) if used else 0
    for name, step in steps.items():
        spent = used.get(name, {}).get("cost")
        if spent and ended:
            yield f"cost       {name}: {_about(left, spent / ended)} (all that was asked of an item in this run so far)"
            continue
        expected = [found for item in sample if (found := step.expected_cost(item)) is not None]
        if expected:
            yield f"cost       {name}: {_told(expected, left)}"


def costs_later(steps: Mapping[str, Step]) -> Iterator[str]:
    """Likewise where the items are not known yet."""
    for name, step in steps.items():
        if step.expected_cost(Item("", 0, "", "")) is not None:
            yield f"cost       {name}: unknown until the stages before it are done"


def _ended(folder: RunFolder) -> int:
    from labelyard.launch.watching.overview import overview

    seen = overview(folder)
    return seen.done + seen.quarantined


def _told(expected: Sequence[Expected], left: int) -> str:
    known = [one.each for one in expected if one.each is not None]
    if not known:
        return "unknown until the first items are done"
    each, per = sum(known) / len(known), expected[0].per
    whence = f"by the prompts of {counted(len(known), 'item')}, answers at their longest"
    if per != "item":
        return f"unknown until the first items are done; about {each:.3g} for every {per} ({whence})"
    return f"{_about(left, each)} ({whence})"


def _about(left: int, each: float) -> str:
    return f"about {left * each:.3g} for {left} items, {each:.3g} each"
