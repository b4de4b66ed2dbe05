"""Batches of one shape, so that the same unit gets the same bits in any company.

Matrix products round differently for different numbers of rows. In float32 that is the last digit; in half precision
it can turn a beam search to another caption. A batch that is not full is therefore filled up with its last unit.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

from generate.step import Step

Unit = TypeVar("Unit")
Result = TypeVar("Result")


def steady_map(
    step: Step,
    call: Callable[[Sequence[Any]], Sequence[Result]],
    units: Sequence[Unit],
    key: Callable[[Unit], Hashable] | None = None,
    prepare: Callable[[Unit], Any] | None = None,
) -> list[Result]:
    """As `step.map`; units of one key must have one shape."""

    def filled(chosen: Sequence[Any]) -> Sequence[Result]:
        rows = [*chosen, *[chosen[-1]] * (step.size_of_batches() - len(chosen))]
        return call(rows)[: len(chosen)]

    return step.map(filled, units, key, prepare)
