"""What a report is of: a run; or a chain, all of which the records of its last stage show."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelyard.generate.record_json.join import made_by
from labelyard.generate.run_folder.layout import RunFolder, stages_of
from labelyard.utils.errors import UserError


@dataclass(frozen=True)
class Subject:
    path: Path  # the folder of the run or the chain; the report lies in it
    runs: tuple[RunFolder, ...]  # those whose quarantine and course are told
    is_chain: bool = False

    @classmethod
    def open(cls, location: Path) -> Subject:
        stages = stages_of(location)
        if not stages:
            run = RunFolder.open(location)
            return cls(run.path, (run,))
        path = location.resolve()
        begun = tuple(run for run in (RunFolder(path / name) for name in stages) if run.run_json.exists())
        if not begun:
            raise UserError(f"no stage of the chain {location} has begun: there is nothing to look at yet")
        return cls(path, begun, is_chain=True)

    @property
    def place(self) -> Path:
        return self.path / "report"


@dataclass(frozen=True)
class Stage:
    """A run that had a part in the records that are shown."""

    name: str
    steps: Mapping[str, tuple[str, ...]]  # the fields that each has written


def lineage(run: RunFolder) -> list[Stage]:
    """The runs whose records this one reads, and theirs, the earliest first; at the end itself."""
    return [Stage(one.path.name, _steps(one)) for one in dict.fromkeys(_before(run))]


def _before(run: RunFolder, within: tuple[RunFolder, ...] = ()) -> Iterator[RunFolder]:
    source = _config(run).get("source", {})
    for path in (source.get("path"), *(source.get("join") or [])):
        earlier = RunFolder(Path(path)) if isinstance(path, str) else None
        if earlier is not None and earlier.run_json.exists() and earlier not in within:
            yield from _before(earlier, (*within, run))
    yield run


def _config(run: RunFolder) -> Mapping[str, Any]:
    try:
        found = json.loads(run.run_json.read_bytes())["config"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _steps(run: RunFolder) -> Mapping[str, tuple[str, ...]]:
    try:
        return made_by(run.path)
    except Exception:  # steps of somebody's own, whose code is not here: the records are shown all the same
        return {}
