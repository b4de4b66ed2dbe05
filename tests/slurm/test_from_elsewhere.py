"""From the folder of a user in which names of ours are taken, with a step that has a `utils` of the user's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, MakeList
from tests.install import hostile

from .conftest import Cluster, wait_until
from .runs import assert_all_done_once, environment, lives, log, wait_for_the_end

ITEMS = 6


@pytest.fixture
def user(make_list: MakeList, tmp_path: Path) -> hostile.Hostile:
    return hostile.make(tmp_path, make_list, ITEMS)


def typed(slurm: Cluster, user: hostile.Hostile, *words: object, **more: str) -> str:
    done = subprocess.run(
        [*map(str, words)], cwd=user.folder, env={**user.environment(environment(slurm)), **more},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def assert_done(out: Path) -> None:
    assert_all_done_once(out, ITEMS)
    assert {life["state"] for life in lives(out)} == {"finished"}


def test_by_the_launcher(slurm: Cluster, user: hostile.Hostile, tmp_path: Path) -> None:
    out = tmp_path / "out"
    program, arguments = ROOT / "launch" / "run.py", user.arguments(out, "cluster=slurm", "cluster.num_jobs=2")
    said = typed(slurm, user, sys.executable, program, *arguments)
    assert "look         python launch/status.py" in said
    wait_for_the_end(slurm, out)
    assert_done(out)
    assert "look at it   python launch/view.py" in log(out, ["slurm-merge-*"])


def test_by_the_command_whose_jobs_speak_as_it_does(slurm: Cluster, user: hostile.Hostile, tmp_path: Path) -> None:
    out, command = tmp_path / "out", tmp_path / "bin" / "labelyard"
    command.parent.mkdir()
    command.write_text("import sys\nfrom labelyard.launch.command import main\nsys.exit(main())\n")  # as pip makes it
    settings = {"PYTHONPATH": f"{user.own}:{ROOT / 'src'}"}
    arguments = user.arguments(out, "cluster=slurm", "cluster.num_jobs=2")
    said = typed(slurm, user, sys.executable, command, "run", *arguments, **settings)
    assert "look         labelyard status" in said and "end them     labelyard cancel" in said
    wait_for_the_end(slurm, out)
    assert_done(out)
    assert "look at it   labelyard view" in log(out, ["slurm-merge-*"])


def test_by_scripts_without_the_launcher(slurm: Cluster, user: hostile.Hostile, tmp_path: Path) -> None:
    out, scripts = tmp_path / "out", ROOT / "slurm"
    settings = {"LABELYARD": str(ROOT), "PYTHON": sys.executable}
    words = ("sbatch", "--parsable", "--gpus-per-node=0", "--array=0-1", scripts / "generate.sbatch")
    array = typed(slurm, user, *words, *user.arguments(out), **settings).strip()
    typed(slurm, user, "sbatch", f"--dependency=afterany:{array}", scripts / "merge.sbatch", out, **settings)
    wait_until(lambda: not slurm.squeue(), "all jobs end")
    assert_done(out)
