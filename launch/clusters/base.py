"""Where workers run. Each place is one file under launch/clusters/ and one yaml under conf/cluster/."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.plan import Plan
from labelyard.generate.settings import setting
from labelyard.launch.exit_codes import DONE, FAILED, INCOMPLETE
from labelyard.launch.merging.merge import Merged


def exit_code(merged: Merged) -> int:
    """What it came to. Only if every planned item stands in the train list has all gone well."""
    if merged.items != merged.planned:
        return FAILED
    return DONE if merged.complete else INCOMPLETE


@dataclass(frozen=True)
class Start:
    """One start of a run: what its workers need to know."""

    folder: RunFolder
    plan: Plan
    config: Path  # the config of this start, for `python generate RUN --config`


@dataclass(kw_only=True)
class Cluster:
    """The dataclass fields are its configuration."""

    gpus_per_worker: int = setting(1, least=1, most=64)  # for a step that spreads one model over several

    def gpus_of_a_worker(self) -> int:
        """How many GPUs each worker has; 0 on machines without."""
        return 0

    def workers(self) -> int:
        """How many workers it would start."""
        raise NotImplementedError

    def check(self, folder: RunFolder) -> None:
        """Refuse a run folder that can't be worked on there."""

    def describe(self, folder: RunFolder) -> list[str]:
        """What it would do, for dry_run."""
        raise NotImplementedError

    def scripts(self, folder: RunFolder) -> list[str]:
        """What it would hand over to be run, for dry_run."""
        return []

    def run(self, start: Start) -> int:
        """Start the workers; return run.py's exit code."""
        raise NotImplementedError


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, found without loading torch."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [part for part in chosen.split(",") if part.strip() and part.strip() != "-1"]
    return sorted(
        (path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*")),
        key=lambda name: int(name),
    )
