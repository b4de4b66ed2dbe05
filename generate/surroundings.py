"""What a step may know of the run that it works in, beside its records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

Used = Mapping[str, float]  # amounts by kind: requests, tokens, …


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Surroundings:
    """As a worker knows them. By itself a step has none: it is one of one, and nobody asks it to stop."""

    worker: str = ""
    workers: int = 1  # that were started for the run, which share what is the run's
    logs: Path | None = None  # the folder for what a process that the step starts has to say
    stopping: Callable[[], bool] = lambda: False  # whether to come to an end soon
    used_by_others: Callable[[str], Used] = lambda step: {}  # what this step's like used in other workers of the run
    tell: Callable[[], None] = _nothing  # that there is something new in `Step.used`
    takes_turns: bool = False  # other steps want the GPU while this one rests
