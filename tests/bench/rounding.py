"""How far rounding takes a network's numbers, and how far batches do: what docs/speed.md says of batches on a GPU.

    python -m tests.bench.rounding FOLDER [--steps tag,embed,segment] [--photos 2]

The published architectures with random weights (tests/bench/full_size.py makes the same in FOLDER), in float32 on this
machine's CPU. `rounding` is the most that a kind of number changes if every layer's sums are disturbed by what another
order of adding them up may make (tests/generate/steps/rounding.py), `batches` the most by which a batch of all differs
from each photo alone. Texts are those of the tags; for masks it is the numbers behind them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from labelyard.generate.record import Record
from labelyard.generate.step import Step
from labelyard.generate.steps.contract import as_on_a_gpu, kind, leaves, run_on_copies
from labelyard.generate.steps.rounding import rounding_by_place
from tests.bench.published import STEPS, photos, published
from tests.bench.sequential import remembered
from tests.generate.steps.segment.checks import logits_of


def main() -> None:
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", default=",".join(STEPS))
    parser.add_argument("--photos", type=int, default=2)
    chosen = parser.parse_args()
    torch.set_flush_denormal(True)  # untrained weights make them, and they make a CPU crawl
    print(f"{torch.__version__}, {torch.backends.cpu.get_cpu_capability()}")
    print(f"{'step':<10}{'number':<32}{'largest':>10}{'rounding':>10}{'batches':>10}")
    for name in chosen.steps.split(","):
        settings: dict[str, Any] = {"tag": {"threshold": 0.0}, "ground": {"box_threshold": 0.0}}.get(name, {})
        step = published(name).build(chosen.folder, batch_size=chosen.photos, **settings)
        step.setup("cpu")
        records = photos(chosen.photos)
        alone = numbers(step, [[record] for record in records])
        with rounding_by_place():
            disturbed = numbers(step, [[record] for record in records])
        step.batching = None
        with as_on_a_gpu():
            together = numbers(step, [records])
        for number, values in alone.items():
            largest = np.abs(values).max()
            rounding, batches = (apart(values, other[number]) for other in (disturbed, together))
            print(f"{name:<10}{number:<32}{largest:>10.3g}{rounding:>10.1e}{batches:>10.1e}", flush=True)


def numbers(step: Step, calls: list[list[Record]]) -> dict[str, Any]:
    """All of a kind in a row."""
    if hasattr(step, "boxes_at_once"):
        return {"logits": logits_of(step, calls)}
    found: dict[str, list[Any]] = {}
    remembered(step).clear()
    for records in calls:
        for record in run_on_copies(step, records):
            for name, value in leaves(record).items():
                if isinstance(value, np.ndarray):
                    found.setdefault(kind(name), []).append(value.ravel())
    return {name: np.concatenate(values) for name, values in found.items()}


def apart(one: Any, other: Any) -> float:
    return float(np.abs(one - other).max()) if one.shape == other.shape else float("nan")


if __name__ == "__main__":
    main()
