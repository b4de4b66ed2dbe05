"""A chain's folder:

chain.json            what the chain is: its stages, each with its folder, what it needs and what makes its data
<stage>/              the stage's run folder; <stage>-2/ once it was done again with other settings
chain/slurm/          the jobs that start the next stages, as a run has its own (launch/slurm/jobs.py)
chain/logs/           one per such job
chain/claims/         who plans the chain now
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labelyard.generate.run_folder.layout import CHAIN_JSON, RunFolder, is_run, refuse_line_break
from labelyard.utils.atomic import is_temporary, sweep, write_atomic, writer_is_gone
from labelyard.utils.errors import UserError
from labelyard.utils.jsons import dump


@dataclass(frozen=True)
class Frozen:
    """What a stage is, as chain.json has it."""

    folder: str
    needs: tuple[str, ...]
    data: Mapping[str, Any]  # the part of its configuration that decides what comes out


@dataclass(frozen=True)
class FrozenChain:
    name: str
    stages: Mapping[str, Frozen] = field(default_factory=dict)
    program: str = field(default="chain", compare=False)  # of launch/, whose command made it and goes on with it


@dataclass(frozen=True)
class ChainFolder:
    path: Path

    @classmethod
    def open(cls, location: str | Path) -> ChainFolder:
        folder = cls(Path(location).resolve())
        if not folder.chain_json.exists():
            raise UserError(f"{location} is no chain's folder: it has no {CHAIN_JSON}")
        return folder

    @property
    def chain_json(self) -> Path:
        return self.path / CHAIN_JSON

    @property
    def jobs(self) -> RunFolder:
        """Where its own jobs, logs and claims lie, laid out as a run's."""
        return RunFolder(self.path / "chain")

    def run(self, name: str) -> RunFolder:
        return RunFolder(self.path / name)

    def check(self, location: str) -> None:
        """Refuse a place that holds something else."""
        refuse_line_break(self.path)
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"output={location} is a file. Give the chain a folder")
        if is_run(self.path):
            raise UserError(f"output={location} is a run folder; a chain has a run folder for each stage. Give another")
        names = [path.name for path in self.path.iterdir()] if self.path.exists() else []
        others = sorted(name for name in names if name != "chain" and not is_temporary(name))
        if others and not self.chain_json.exists():
            raise UserError(
                f"output={location} is no chain's folder, and not empty either (it holds {', '.join(others[:5])}). "
                "Give another output"
            )

    def make(self) -> None:
        for place in (self.jobs.claims, self.jobs.logs):
            place.mkdir(parents=True, exist_ok=True)
        for place in (self.path, self.jobs.claims, self.jobs.path / "slurm"):
            sweep(place, writer_is_gone)  # what who was killed left half-written

    def read(self) -> FrozenChain | None:
        """None before anything was written."""
        try:
            found = json.loads(self.chain_json.read_bytes())
            stages = {
                name: Frozen(stage["folder"], tuple(stage["needs"]), stage["data"])
                for name, stage in found["stages"].items()
            }
            return FrozenChain(found["chain"], stages, found.get("made_by", {}).get("program", FrozenChain.program))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"{self.chain_json} is damaged ({error}). It is written atomically: was it edited by hand? Bring it "
                "back from a copy"
            ) from None

    def write(self, chain: FrozenChain, made_by: Mapping[str, Any]) -> None:
        stages = {
            name: {"folder": stage.folder, "needs": list(stage.needs), "data": dict(stage.data)}
            for name, stage in chain.stages.items()
        }
        write_atomic(self.chain_json, dump({"chain": chain.name, "made_by": dict(made_by), "stages": stages}, indent=2))
