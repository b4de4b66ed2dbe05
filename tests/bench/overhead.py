"""What the engine itself costs: a pipeline whose steps do nothing, against a bare loop over the same images.

    python -m tests.bench.overhead [--photos 400] [--rounds 3]

The loop reads, decodes and writes the same records as plain files, one after the other: no claims, no journals, nothing
flushed. `threads` is the same loop over as many threads as there are cores. Rounds alternate; the best of each counts.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from labelyard.generate.compute.threads import cores
from labelyard.generate.media.load import Load, load
from labelyard.generate.record import Item, Record
from labelyard.generate.record_json.encode import Write
from labelyard.generate.record_json.files import encoded
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.step import Step
from labelyard.generate.worker.work import Work
from tests.bench import photos
from tests.bench.compare import compare
from tests.bench.engine import engine, plan
from tests.bench.machine import machine
from tests.bench.sequential import put

MADE_BY = {"labelyard": "bench"}
SHARD = 100


@dataclass(kw_only=True)
class Nothing(Step):
    def __call__(self, records: Sequence[Record]) -> None:
        pass


def main(arguments: list[str] | None = None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args(arguments)
    place = Path(tempfile.mkdtemp(prefix="labelyard-bench-"))
    try:
        best, same = measure(place, chosen.photos, chosen.rounds)
    finally:
        shutil.rmtree(place)
    for name, rate in best.items():
        print(f"{name:<10}{rate:>8.1f} images/s{rate / best['loop']:>8.0%} of the bare loop")
    about = machine()
    print(f"{same} of {chosen.photos} records identical to the byte; {about['cpu']}, {about['cores']} cores")
    return best


def measure(place: Path, number: int, rounds: int) -> tuple[dict[str, float], int]:
    items = photos.make(place / "photos", number)
    best = {"loop": 0.0, "threads": 0.0, "engine": 0.0}
    for n in range(rounds):
        for name in best:
            folder = plan(place / f"{name}-{n}", items, MADE_BY, SHARD)
            began = time.perf_counter()
            if name == "engine":
                steps = {step: Nothing() for step in ("tag", "ground", "segment", "caption", "embed")}
                engine(steps, items, folder, Work(), Load())
            else:
                loop(folder, items, 1 if name == "loop" else cores())
            best[name] = max(best[name], number / (time.perf_counter() - began))
    return best, compare(place / "loop-0", place / "engine-0").identical


def loop(folder: RunFolder, items: Sequence[Item], threads: int) -> None:
    def one(numbered: tuple[int, Item]) -> None:
        position, item = numbered
        record = load(item, None, Load())
        for step in ("tag", "ground", "segment", "caption", "embed"):
            record.models[step] = {"name": "Nothing"}
        text, _, _ = encoded(folder, position // SHARD, record, Write(), MADE_BY)
        put(folder.record(position // SHARD, item), text)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, enumerate(items)))


if __name__ == "__main__":
    main()
