"""Batches of one shape, whatever is left over, also after the GPU's memory has run out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from generate.step import Step, transient
from generate.steps.models.steady import steady_map


@dataclass(kw_only=True)
class Recorder(Step):
    batch_size: int = transient(4)
    memory: int = 100

    def __post_init__(self) -> None:
        self.seen: list[int] = []

    def double(self, units: Sequence[int]) -> list[int]:
        if len(units) > self.memory:
            raise RuntimeError("CUDA out of memory. Tried to allocate 1 GiB")
        self.seen.append(len(units))
        return [2 * unit for unit in units]


def test_every_batch_is_full_and_only_what_was_asked_is_answered() -> None:
    step = Recorder()
    assert steady_map(step, step.double, [1, 2, 3, 4, 5]) == [2, 4, 6, 8, 10]
    assert steady_map(step, step.double, [7]) == [14]
    assert steady_map(step, step.double, []) == []
    assert step.seen == [4, 4, 4]


def test_units_of_different_keys_do_not_fill_each_other_s_batches() -> None:
    step = Recorder()
    batches: list[set[int]] = []

    def note(units: Sequence[int]) -> list[int]:
        batches.append({unit % 2 for unit in units})
        return step.double(units)

    assert steady_map(step, note, [1, 2, 3], key=lambda unit: unit % 2) == [2, 4, 6]
    assert batches == [{1}, {0}]


def test_a_batch_is_not_filled_up_to_what_did_not_fit() -> None:
    step = Recorder(batch_size=8, memory=3)
    assert steady_map(step, step.double, list(range(7))) == [2 * unit for unit in range(7)]
    assert set(step.seen) == {step.__dict__["_batches"].size} and max(step.seen) <= 3
    assert steady_map(step, step.double, [5]) == [10]
    assert len(set(step.seen)) == 1, "the smaller size is kept for good"
