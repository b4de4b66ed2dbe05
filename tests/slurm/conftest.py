"""A real SLURM for the tests of this folder: `slurm/testcluster.sh`, once per test session.

A test asks for the fixture `slurm` (a `Cluster`) and speaks to the cluster with the real commands. After each test its
jobs are cancelled and dead nodes come back, so that tests do not see each other.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import NO_SLURM

SCRIPT = Path(__file__).resolve().parents[2] / "slurm" / "testcluster.sh"
NODES = ("n1", "n2")
CANNOT = 4  # the script's exit code for "this machine can't"


def clean_environment() -> dict[str, str]:
    """This process's environment without what another SLURM may have put there."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("SLURM", "SBATCH_", "TESTCLUSTER_"))}


def cluster_script(
    *arguments: str | Path, env: Mapping[str, str] | None = None, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run slurm/testcluster.sh; `env` holds its TESTCLUSTER_ settings."""
    return subprocess.run(
        [str(SCRIPT), *map(str, arguments)],
        env=clean_environment() | dict(env or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def wait_until(true: Callable[[], object], what: str, timeout: float = 150) -> None:
    """A generous limit: it is there to end a hanging test, not to measure."""
    end = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < end, f"{what}: not within {timeout:g} s"
        time.sleep(0.1)


@dataclass(frozen=True)
class Cluster:
    folder: Path
    env: Mapping[str, str]  # for subprocesses that speak to this cluster, and no other SLURM

    def run(
        self, *command: str | Path, check: bool = True, timeout: float = 60, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*map(str, command)],
            env=dict(self.env), cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout,
        )  # fmt: skip
        if check and done.returncode:
            words = shlex.join(map(str, command))
            raise AssertionError(f"{words}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def sbatch(self, *arguments: str | Path, cwd: Path | None = None) -> str:
        """The job's id."""
        return self.run("sbatch", "--parsable", *arguments, cwd=cwd).stdout.strip()

    def squeue(self, *arguments: str) -> list[dict[str, str]]:
        """One row per job or array task: id (of tasks 12_3), state, reason, partition, name, nodes."""
        names = ("id", "state", "reason", "partition", "name", "nodes")
        rows = self.run("squeue", "-h", "-r", "-o", "%i|%T|%r|%P|%j|%N", *arguments).stdout.splitlines()
        return [dict(zip(names, row.split("|"), strict=True)) for row in rows]

    def sacct(self, job: str, fields: str = "JobID,State,ExitCode,NodeList", *arguments: str) -> list[dict[str, str]]:
        """What accounting has of a job, steps left out; with `-D` every start of a requeued one."""
        rows = self.run("sacct", "-n", "-X", "-P", "-j", job, "-o", fields, *arguments).stdout.splitlines()
        return [dict(zip(fields.split(","), row.split("|"), strict=True)) for row in rows]

    def state(self, job: str) -> str:
        """The job's state in accounting: its first word, as in "CANCELLED by 0"."""
        rows = self.sacct(job, "State")
        return rows[0]["State"].split()[0] if rows else ""

    def wait_state(self, job: str, *states: str, timeout: float = 60) -> None:
        wait_until(lambda: self.state(job) in states, f"job {job} is {'/'.join(states)}", timeout)

    def kill_node(self, node: str) -> None:
        """SIGKILL to its slurmd, steps and jobs; then SLURM is told that it is down."""
        self._script("kill-node", node)

    def revive_node(self, node: str) -> None:
        self._script("revive-node", node)

    def reset(self) -> None:
        """No jobs, all nodes up."""
        jobs = sorted({row["id"].split("_")[0] for row in self.squeue()})
        if jobs:
            # KILL first, since jobs may ignore TERM and would keep their node for KillWait; what waits takes no signal.
            self.run("scancel", "--quiet", "--full", "--signal=KILL", *jobs, check=False)
            self.run("scancel", "--quiet", *jobs, check=False)
        for node in NODES:
            if self.run("sinfo", "-h", "-p", "learn", "-n", node, "-o", "%T").stdout.strip() not in (
                "idle", "mixed", "allocated", "completing", "planned", "reserved",
            ):  # fmt: skip
                self.revive_node(node)
        if jobs:
            wait_until(lambda: not self.squeue(), "cancelled jobs are gone")

    def _script(self, verb: str, node: str) -> None:
        done = cluster_script(verb, self.folder, node)
        assert done.returncode == 0, f"testcluster.sh {verb} {node}: {done.stdout}{done.stderr}"


def bring_up(folder: Path, owner: int, **settings: str) -> Cluster:
    """A cluster that ends with the process `owner`; settings as in `TESTCLUSTER_GRACE="3"`."""
    done = cluster_script("up", folder, "--owner", str(owner), env=settings)
    assert done.returncode == 0, f"testcluster.sh up: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    exports = [line.removeprefix("export ").split("=", 1) for line in cluster_script("env", folder).stdout.splitlines()]
    return Cluster(folder, clean_environment() | {key: shlex.split(value)[0] for key, value in exports})


@pytest.fixture(scope="session")
def slurm_possible() -> None:
    """Skips, loudly, where no test cluster can be had: not root, no apt, or no packages."""
    reason = ""
    if os.geteuid() != 0:
        reason = "a test cluster needs root"
    else:
        done = cluster_script("install", timeout=900)
        if done.returncode == CANNOT:
            reason = (done.stderr.strip().splitlines() or ["slurm/testcluster.sh install failed"])[-1]
        else:
            assert done.returncode == 0, f"testcluster.sh install: {done.stdout}{done.stderr}"
    if reason:
        pytest.skip(f"{NO_SLURM}: {reason}")


@pytest.fixture(scope="session")
def slurm_session(slurm_possible: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = bring_up(tmp_path_factory.mktemp("slurm"), os.getpid())
    yield cluster
    done = cluster_script("down", cluster.folder)
    assert done.returncode == 0, f"testcluster.sh down: {done.stdout}{done.stderr}"


@pytest.fixture
def slurm(slurm_session: Cluster) -> Iterator[Cluster]:
    yield slurm_session
    slurm_session.reset()


@pytest.fixture(autouse=True)
def _every_test_here_needs_slurm(slurm: Cluster) -> None:
    """So that none of this folder runs, and seems to pass, without one."""
