"""The demo from a clone, by `pip install -e` and by a wheel, each in an environment of its own, here and on SLURM.

Always from a folder in which names of ours are taken, and with a step that has a `utils` of the user's own.
INSTALLED=FOLDER names whole environments, FOLDER/editable and FOLDER/wheel: `make test-install` makes them.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT, MakeList
from tests.install import built, hostile

from .conftest import Cluster, wait_until
from .runs import assert_all_done_once, environment, wait_for_the_end

ITEMS = 3
pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Install:
    binaries: Path  # of the environment that the user has activated
    clone: Path | None  # whose programs are called by path

    def program(self, verb: str) -> list[str]:
        if self.clone is None:
            return ["labelyard", verb]
        return ["python", str(self.clone / "launch" / f"{'jsons2txt' if verb == 'merge' else verb}.py")]


def _clone(make: Callable[[str], Path]) -> Install:
    return Install(built.bare(make("bare")), ROOT)


def _editable(make: Callable[[str], Path]) -> Install:
    return Install(built.installed(make("editable"), "-e", built.copied(make("source"))), None)


def _wheel(make: Callable[[str], Path]) -> Install:
    wheel = built.wheel(built.copied(make("copy")), make("wheel"))
    return Install(built.installed(make("environment"), wheel), None)


WAYS = {"clone": _clone, "editable": _editable, "wheel": _wheel}


@pytest.fixture(scope="module", params=WAYS)
def install(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Install:
    ready = Path(os.environ.get("INSTALLED", "nowhere")) / request.param / "bin"
    return Install(ready, None) if ready.exists() else WAYS[request.param](tmp_path_factory.mktemp)


@dataclass(frozen=True)
class Shell:
    """The user's, in the user's folder, with the environment activated."""

    user: hostile.Hostile
    environment: dict[str, str]

    def __call__(self, *words: object) -> str:
        done = subprocess.run(
            [*map(str, words)], cwd=self.user.folder, env=self.environment, capture_output=True, text=True, timeout=240
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def shell(slurm: Cluster, install: Install, make_list: MakeList, tmp_path: Path) -> Shell:
    user = hostile.make(tmp_path, make_list, ITEMS, side=240)
    return Shell(user, built.activated(user.environment(environment(slurm)), install.binaries))


def test_two_workers_here_and_every_program(shell: Shell, install: Install, tmp_path: Path) -> None:
    out, user = tmp_path / "out", shell.user
    more = ("cluster.num_jobs=2", "shard_size=1")
    said = shell(*install.program("run"), *user.arguments(out, *more, pipeline=hostile.DEMO))
    assert "3 of 3 items are done" in said
    hostile.assert_done(out, ITEMS)
    for verb in ("status", "validate", "merge", "view"):
        shell(*install.program(verb), out)
    shell(*install.program("export"), out, "coco", tmp_path / "coco")


def test_by_the_launcher_on_slurm(slurm: Cluster, shell: Shell, install: Install, tmp_path: Path) -> None:
    out = tmp_path / "out"
    more = ("cluster=slurm", "cluster.num_jobs=2", "cluster.gpus_per_node=0", "shard_size=1")
    shell(*install.program("run"), *shell.user.arguments(out, *more, pipeline=hostile.DEMO))
    wait_for_the_end(slurm, out)
    assert_all_done_once(out, ITEMS)
    hostile.assert_done(out, ITEMS)


def test_by_scripts_copied_and_adapted(slurm: Cluster, shell: Shell, install: Install, tmp_path: Path) -> None:
    out, user = tmp_path / "out", shell.user
    home = install.clone or Path(shell("labelyard", "--home").strip())
    for name in ("generate.sbatch", "merge.sbatch"):
        text = (home / "slurm" / name).read_text()
        if install.clone:
            text = text.replace("project=${LABELYARD:-$SLURM_SUBMIT_DIR}", f"project='{install.clone}'")
        (user.folder / name).write_text(text.replace("--gpus-per-node=1", "--gpus-per-node=0"))
    settings = user.arguments(out, "shard_size=1", pipeline=hostile.DEMO)
    array = shell("sbatch", "--parsable", "--array=0-1", "generate.sbatch", *settings).strip()
    shell("sbatch", f"--dependency=afterany:{array}", "merge.sbatch", out)
    wait_until(lambda: not slurm.squeue(), "all jobs end")
    assert_all_done_once(out, ITEMS)
    hostile.assert_done(out, ITEMS)
