"""What asking models will cost, from the prices that were given."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from labelyard.generate.record import Item
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.shard_lines import item_lines
from labelyard.generate.step import Step
from labelyard.launch.watching.used import used_by

if TYPE_CHECKING:
    from labelyard.launch.planning.new_items import Sifted

SAMPLE = 20  # items


def items_of(sifted: Sifted, most: int) -> list[Item]:
    """The first of those that are new."""
    lines = item_lines(sifted.rows, sifted.ids, sifted.new[:most], 0)
    return [Item.from_json(json.loads(msgspec.json.encode(line))) for line in lines]


def costs(folder: RunFolder, steps: Mapping[str, Step], left: int, sample: Sequence[Item]) -> Iterator[str]:
    """A line for each step whose tokens have a price: as it was in this run so far, else as its prompts are long."""
    used = used_by(folder) if folder.run_json.exists() else {}
    for name, step in steps.items():
        known = used.get(name, {})
        if known.get("cost") and known.get("requests"):
            each, whence = known["cost"] / known["requests"], "an answer as in this run so far"
        else:
            guesses = [guess for item in sample if (guess := step.guessed_cost(item)) is not None]
            if not guesses:
                continue
            each, whence = (
                sum(guesses) / len(guesses),
                f"by the prompts of {len(guesses)} items, answers at their longest",
            )
        yield f"cost       {name}: about {left * each:.3g} for {left} items, {each:.3g} each ({whence})"
