"""The programs that people type all day start at once: none of them loads torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, MakeList, call, environment, fake_run

HEAVY = ("torch", "transformers", "cv2", "numpy", "scipy", "http", "ssl")


def imported(program: str, *arguments: object) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", str(ROOT / "launch" / f"{program}.py"), *map(str, arguments)],
        env=environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


@pytest.fixture
def run(make_list: MakeList, tmp_path: Path) -> Path:
    assert call("run", *fake_run(make_list(4), tmp_path / "out", "cluster.num_jobs=1")).returncode == 0
    return tmp_path / "out"


def test_nothing_heavy_is_imported(run: Path, make_list: MakeList, tmp_path: Path) -> None:
    assert "argparse" in imported("status", run)
    for program in ("status", "jsons2txt"):
        assert not imported(program, run).intersection(HEAVY)
    planning = ("--config-name", "config", "pipeline=demo", f"source.path={make_list(4)}", f"output={tmp_path / 'p'}")
    assert not imported("run", *planning, "plan_only=true").intersection(HEAVY)
    assert not imported("run", *planning, "dry_run=true").intersection(HEAVY)
