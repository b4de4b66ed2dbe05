"""Rows 1 and 7 of docs/failures.md: death, or a full disk, at every single place where a run writes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, environment


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where there is a place for it: thousands of flushes to a disk say nothing more about us."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    made = Path(tempfile.mkdtemp(prefix="labelyard-sweep-", dir="/dev/shm"))
    yield made
    shutil.rmtree(made)


def sweep(folder: Path, *how: str) -> dict[str, int]:
    command = [sys.executable, "-m", "tests.faults.sweep", str(folder), *how]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    counts: dict[str, int] = json.loads(done.stdout)
    return counts


def test_killed_at_every_write_rename_and_journal_line(folder: Path) -> None:
    survived = sweep(folder, "crash")
    # A claim is one more link to a file that its worker wrote once: a name without a write.
    assert survived["rename"] == survived["renamed"] > survived["write"] >= 15 and survived["journal"] >= 10


def test_killed_anywhere_with_a_video_a_text_and_findings_beside_the_records(folder: Path) -> None:
    survived = sweep(folder, "beside", "11")
    assert survived["rename"] >= 2 and survived["write"] >= 2 and survived["journal"] >= 1


def test_a_chain_killed_anywhere(folder: Path) -> None:
    survived = sweep(folder, "chain", "50")
    assert survived["rename"] >= 2 and survived["write"] >= 2 and survived["journal"] >= 1


@pytest.mark.slow
def test_killed_at_every_place_beside_the_records_and_of_a_chain(folder: Path) -> None:
    for how in ("beside", "chain"):
        (folder / how).mkdir()
        survived = sweep(folder / how, how)
        assert survived["rename"] == survived["renamed"] > survived["write"] >= 20 and survived["journal"] >= 10


def test_the_disk_is_full_at_any_write(folder: Path) -> None:
    survived = sweep(folder, "full", "4")
    assert survived["write"] >= 5 and survived["journal"] >= 2


@pytest.mark.slow
def test_the_disk_is_full_at_every_write(folder: Path) -> None:
    survived = sweep(folder, "full")
    assert survived["write"] >= 20 and survived["journal"] >= 8


@pytest.mark.slow
def test_killed_twice(folder: Path) -> None:
    assert sweep(folder, "twice")["survived"] >= 80


def test_a_retry_killed_anywhere(folder: Path) -> None:
    survived = sweep(folder, "retry")
    assert survived["write"] == survived["rename"] == survived["renamed"] >= 2
