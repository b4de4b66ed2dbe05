"""Row 24 of docs/failures.md: everything at random."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT, environment
from tests.faults.chaos import slurm_can_be_had


def chaos(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.chaos", *arguments],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=800,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_little_chaos() -> None:
    assert "seed 7, local: as if nothing had happened" in chaos("--seed", "7", "--seconds", "8", "--items", "120")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_minute_of_chaos(seed: int) -> None:
    assert "as if nothing had happened" in chaos("--seed", str(seed), "--seconds", "60")


@pytest.mark.slow
@pytest.mark.skipif(not slurm_can_be_had(), reason="no SLURM to test on: slurm/testcluster.sh install says why")
@pytest.mark.parametrize("seed", range(3))
def test_a_minute_of_chaos_on_slurm(seed: int) -> None:
    assert "as if nothing had happened" in chaos("--cluster", "slurm", "--seed", str(seed), "--seconds", "60")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("cluster", ["local", "any"])
def test_a_minute_of_chaos_on_a_chain_and_its_exports(cluster: str) -> None:
    said = chaos("--chain", "--cluster", cluster, "--seconds", "60", "--items", "60")
    assert "a chain: as if nothing had happened" in said
