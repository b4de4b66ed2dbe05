"""From a clone, called by path, in a folder whose names are ours: nothing of the user's is taken for ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, MakeList
from tests.install import hostile

PROGRAMS = ("status", "validate", "jsons2txt", "view")


@pytest.fixture
def user(tmp_path: Path, make_list: MakeList) -> hostile.Hostile:
    return hostile.make(tmp_path, make_list)


def called(user: hostile.Hostile, *command: object) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, command)], cwd=user.folder, env=user.environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_two_workers_and_every_program(user: hostile.Hostile, tmp_path: Path) -> None:
    out = tmp_path / "out"
    called(user, ROOT / "launch" / "run.py", *user.arguments(out, "cluster.num_jobs=2", "shard_size=1"))
    hostile.assert_done(out, 3)
    for program in PROGRAMS:
        called(user, ROOT / "launch" / f"{program}.py", out)
    called(user, ROOT / "launch" / "export.py", out, "coco", tmp_path / "coco")


def test_a_worker_by_hand(user: hostile.Hostile, tmp_path: Path) -> None:
    out = tmp_path / "out"
    called(user, ROOT / "launch" / "run.py", *user.arguments(out, "plan_only=true"))
    called(user, ROOT / "generate", out)
    called(user, ROOT / "launch" / "jsons2txt.py", out)
    hostile.assert_done(out, 3)
