"""What workers say of themselves, one small file each: who they are, how they are doing, how they ended."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from labelyard.generate.run_folder.claims import Owner
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.utils.atomic import write_atomic

ALIVE = ("starting", "working")


def limit_mark(folder: RunFolder, worker: str) -> Path:
    """Is there once the time limit has come to this worker, even if it never came round to saying so."""
    return folder.workers / f"{worker}.limit"


def lives(folder: RunFolder, task: str) -> list[dict[str, Any]]:
    """What the workers of this task said last, the earliest first."""
    found = [json.loads(path.read_bytes()) for path in folder.workers.glob(f"slurm-{task}-r*.json")]
    return sorted(found, key=lambda state: state["began"])


def write_obituary(folder: RunFolder, owner: Owner, began: float, now: float, state: str, reason: str) -> None:
    """For a worker that could not say itself how it ended; what it had said before stays in."""
    path = folder.workers / f"{owner.worker}.json"
    said = _said(path)
    if said.get("state", "working") not in ALIVE:
        return
    last = {**asdict(owner), **where(), "began": began, **said, "state": state, "reason": reason}
    write_atomic(path, json.dumps({**last, "at": round(now, 3)}).encode(), sync=False)


def _said(path: Path) -> dict[str, Any]:
    try:
        said: dict[str, Any] = json.loads(path.read_bytes())
        return said
    except FileNotFoundError:
        return {}  # it ended before its first word


# Of SLURM's variables, those that tell a person which job and which node this is.
SLURM = (
    "SLURM_JOB_ID",
    "SLURM_ARRAY_JOB_ID",
    "SLURM_ARRAY_TASK_ID",
    "SLURM_RESTART_COUNT",
    "SLURMD_NODENAME",
)
NEEDED = {field.name for field in fields(Owner)} | {"state", "reason", "at"}


def where() -> dict[str, Any]:
    """The place in which this process was put."""
    return {
        "slurm": {name: os.environ[name] for name in SLURM if name in os.environ},
        "gpu": os.environ.get("CUDA_VISIBLE_DEVICES"),
    }


def used_in(state: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """What a worker's steps have used, by its last word: amounts by kind."""
    told = state.get("used")
    steps = told.items() if isinstance(told, dict) else ()
    return {step: used for step, used in steps if isinstance(used, dict)}


def read_presence(folder: RunFolder) -> list[dict[str, Any]]:
    """What every worker said last, by name."""
    said = (_whole(path) for path in sorted(folder.workers.glob("*.json")) if not path.name.startswith("."))
    return [state for state in said if state is not None]


def _whole(path: Path) -> dict[str, Any] | None:
    # These files are not flushed one by one: a power cut may leave an empty one.
    try:
        state = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return state if isinstance(state, dict) and state.keys() >= NEEDED else None
