"""A worker over planned items, in this process, and where its time went."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labelyard.generate.media.load import Load
from labelyard.generate.pipeline import Pipeline
from labelyard.generate.record import Item
from labelyard.generate.record_json.encode import Write
from labelyard.generate.run_folder.claims import Owner
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.plan import Pass, Plan
from labelyard.generate.step import Step
from labelyard.generate.worker.loop import Worker
from labelyard.generate.worker.stop_signals import Stop
from labelyard.generate.worker.work import Work
from labelyard.launch.watching.time_spent import read_spent


@dataclass(frozen=True)
class Done:
    seconds: float
    spent: dict[str, float]  # by step, and by what was waited for


def plan(path: Path, items: Sequence[Item], made_by: dict[str, str], shard_size: int) -> RunFolder:
    """A run folder as run.py leaves it behind for its workers."""
    folder = RunFolder(path)
    folder.make()
    folder.write_run({"config": {}, "made_by": made_by})
    shards = -(-len(items) // shard_size)
    for number in range(shards):
        folder.write_shard(number, list(items[number * shard_size : (number + 1) * shard_size]))
    folder.write_plan(Plan((Pass({}, None, len(items), len(items), 0, 0, shards, shard_size, ""),)))
    return folder


def engine(
    steps: Mapping[str, Step], items: Sequence[Item], folder: RunFolder, work: Work, load: Load | None = None
) -> Done:
    """The steps are set up already: loading models is not what is measured."""
    worker = Worker(
        folder,
        Owner.here("bench"),
        Pipeline(steps),
        root=None,
        load=load or Load(),
        write=Write(),
        work=work,
        made_by=folder.read_run()["made_by"],
        stop=Stop(),
    )
    began = time.perf_counter()
    worker.run()
    seconds = time.perf_counter() - began
    if worker.done != len(items):
        raise RuntimeError(f"{len(items) - worker.done} of {len(items)} items failed; see {folder.journals}")
    return Done(seconds, read_spent(folder))
