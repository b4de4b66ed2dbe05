"""Runs to be disturbed: planned by run.py as a user does, worked on by workers that a test starts one by one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.conftest import ROOT, call, environment, fake_run

Worker = subprocess.Popen  # of text


def plan(listed: Path, out: Path, *more: object) -> None:
    done = call("run", *fake_run(listed, out, "plan_only=true", *more))
    assert done.returncode == 0, done.stderr


def worker(out: Path, **variables: str) -> Worker[str]:
    return subprocess.Popen(
        [sys.executable, str(ROOT / "generate"), str(out)],
        env={**environment(), **variables},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def work(out: Path, **variables: str) -> tuple[int, str, str]:
    """One worker, to its end."""
    process = worker(out, **variables)
    said, errors = process.communicate(timeout=120)
    return process.returncode, said, errors


def merge(out: Path) -> tuple[int, dict[str, Any]]:
    done = call("jsons2txt", out)
    assert done.returncode in (0, 3), done.stderr
    return done.returncode, json.loads((out / "stats.json").read_text())


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def started_and_ended(out: Path) -> tuple[int, int]:
    """How many starts and ends all the journals hold."""
    events = [json.loads(line) for path in (out / "journal").glob("*.jsonl") for line in path.read_text().splitlines()]
    starts = sum(len(event["ids"]) for event in events if event["event"] == "started")
    return starts, sum(event["event"] in ("done", "quarantined") for event in events)


def is_root() -> bool:
    return os.geteuid() == 0
