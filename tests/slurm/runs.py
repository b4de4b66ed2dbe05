"""Runs of ours on the test cluster, as a user makes them."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.conftest import ROOT, command, fake_run, listed, records

from .conftest import Cluster, wait_until

Program = Callable[..., subprocess.CompletedProcess[str]]


def environment(slurm: Cluster) -> dict[str, str]:
    kept = {key: value for key, value in slurm.env.items() if not key.startswith("LABELYARD_")}
    return {**kept, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


def call(slurm: Cluster, program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """One of the programs, on the 'login node' of the test cluster."""
    return subprocess.run(
        command(program, *arguments), env=environment(slurm), timeout=120, capture_output=True, text=True
    )


def run(slurm: Cluster, train: Path, out: Path, *more: object) -> subprocess.CompletedProcess[str]:
    return call(slurm, "run", *fake_run(train, out, "cluster=slurm", *more))


def submitted(slurm: Cluster, train: Path, out: Path, *more: object) -> str:
    """The same, which must go well; what it printed."""
    done = run(slurm, train, out, *more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def jobs(out: Path, kind: str = "workers") -> list[dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in out.glob("slurm/*.json")]
    return [
        job for submission in sorted(found, key=lambda s: s["at"]) for job in submission["jobs"] if job["kind"] == kind
    ]


def lives(out: Path) -> list[dict[str, Any]]:
    """What every worker said last, the earliest first."""
    found = [json.loads(path.read_text()) for path in out.glob("workers/*.json")]
    return sorted(found, key=lambda state: state["began"])


def wait_for_records(out: Path, number: int) -> None:
    wait_until(lambda: len(records(out)) >= number, f"{number} records")


def wait_for_the_end(slurm: Cluster, out: Path) -> None:
    """Until no job of this run is left, its merge job included."""
    names = {json.loads(path.read_text())["name"] for path in out.glob("slurm/*.json")}
    names |= {f"{name}-merge" for name in names}
    wait_until(lambda: not [row for row in slurm.squeue() if row["name"] in names], "the run's jobs end", timeout=120)


def assert_all_done_once(out: Path, number: int) -> None:
    """Every item is in the train list, and none was finished twice."""
    assert len(listed(out)) == number and set(listed(out)) == set(map(str, records(out)))
    events = [
        json.loads(line) for path in out.glob("journal/*.jsonl") for line in path.read_text().splitlines() if line
    ]
    done = Counter(event["id"] for event in events if event["event"] == "done")
    assert len(done) == number
    assert [item for item, times in done.items() if times > 1] == []


def log(out: Path, names: Sequence[str] = ("*",)) -> str:
    return "".join(path.read_text() for name in names for path in sorted(out.glob(f"logs/{name}.log")))
