"""The lives of a SLURM task, as its workers left them on disk: whether they got anywhere."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from labelyard.generate.claims import Owner
from labelyard.generate.presence import where
from labelyard.generate.run_folder import RunFolder
from labelyard.utils.atomic import write_atomic

ALIVE = ("starting", "working")


def is_complete(folder: RunFolder) -> bool:
    """Every shard has its manifest: there is nothing left to load a model for."""
    plan = folder.read_plan()
    return plan.shards > 0 and len(folder.finished()) >= plan.shards


def fruitless(folder: RunFolder, task: str) -> int:
    """How many lives of this task failed in a row, the latest ones, without an item brought to its end.

    A life that SLURM cut short (preempted, a dead node) is no failure and counts neither way; one that the time limit
    stopped before its first item is, or it would come back for ever.
    """
    count = 0
    for state in reversed(lives(folder, task)):
        if state.get("done", 0) + state.get("failed", 0) > 0 or got_somewhere(folder, state["worker"]):
            break
        count += state["state"] == "failed" or limit_mark(folder, state["worker"]).exists()
    return count


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
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}  # it ended before its first word


def got_somewhere(folder: RunFolder, worker: str) -> bool:
    """Whether its journals hold an item that it brought to its end."""
    from labelyard.generate.journal import read_journal

    return any(
        event["event"] in ("done", "quarantined")
        for path in folder.journals.glob(f"*.{worker}.jsonl")
        for event in read_journal(path)
    )
