"""What a run has used up beside time: questions to models, their tokens, money."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.workers import read_presence, used_in

Used = Mapping[str, Mapping[str, float]]  # step -> amounts by kind


def used_by(folder: RunFolder) -> dict[str, dict[str, float]]:
    """Of all workers that there ever were, by their last words."""
    total: dict[str, Counter[str]] = {}
    for state in read_presence(folder):
        for step, used in used_in(state).items():
            total.setdefault(step, Counter()).update(used)
    return {step: dict(amounts) for step, amounts in sorted(total.items())}


def lines(used: Used) -> Iterator[str]:
    """For people, a line for each step."""
    for step, amounts in used.items():
        yield f"used         {step}: {told(amounts)}"


def told(amounts: Mapping[str, float]) -> str:
    left, parts = dict(amounts), list[str]()
    if {"requests", "tries"} <= left.keys():
        parts.append(f"{left.pop('requests'):,.0f} answers in {left.pop('tries'):,.0f} requests")
    if {"prompt_tokens", "answer_tokens"} <= left.keys():
        parts.append(f"{left.pop('prompt_tokens'):,.0f} tokens in, {left.pop('answer_tokens'):,.0f} out")
    if "cost" in left:
        parts.append(f"cost {left.pop('cost'):,.4g}")
    return "; ".join([*parts, *(f"{name} {amount:,.6g}" for name, amount in left.items())])
