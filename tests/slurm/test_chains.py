"""A chain on a real SLURM: small jobs start its stages, and nothing of it stays on the login node."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.launch.slurm.jobs import read_submissions
from tests.conftest import MakeList, listed, records
from tests.launch.chains.support import STAGES, fakes
from tests.launch.chains.test_killed import made, to_its_end

from .conftest import Cluster, wait_until
from .runs import assert_all_done_once, call, jobs

SMALL = ("regions:cluster.partition=learn", "cluster.partition=cancelled", "edges:cluster.partition=learn")


def chain(slurm: Cluster, train: Path, out: Path, *more: object) -> str:
    done = call(slurm, "chain", *fakes(train, out, "cluster=slurm", "shard_size=3", *SMALL, *more))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def at_work(out: Path) -> list[str]:
    """The launcher's processes for this chain, workers and jobs aside."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if any(word.endswith(b"launch/chain.py") for word in words) and b"--next" not in words:
            found += [pid] if any(os.fsencode(out) in word for word in words) else []
    return found


def partitions(slurm: Cluster, out: Path) -> dict[str, str]:
    return {stage: slurm.sacct(jobs(out / stage)[0]["id"], "Partition")[0]["Partition"] for stage in STAGES}


def test_one_command_and_four_stages_over_two_partitions(slurm: Cluster, make_list: MakeList, tmp_path: Path) -> None:
    train, out, here = make_list(6), tmp_path / "out", tmp_path / "here"
    gate = tmp_path / "gate"
    said = chain(slurm, train, out, f"regions:trouble.until={gate}", "captions:cluster.num_jobs=2")
    assert at_work(out) == [] and "starts masks" in said and "starts edges" in said and "starts captions" not in said
    again = chain(slurm, train, out, f"regions:trouble.until={gate}", "captions:cluster.num_jobs=2")
    assert "in SLURM's queue already" in again and "starts masks" not in again and len(jobs(out / "regions")) == 1
    seen = call(slurm, "status", out).stdout
    assert (
        "regions   begun" in seen
        and "masks     waits for regions; job " in seen
        and "captions  waits for masks" in seen
    )
    gate.touch()
    wait_until(lambda: not slurm.squeue(), "the chain ends", timeout=240)
    for stage in STAGES:
        assert_all_done_once(out / stage, 6)
        assert len(jobs(out / stage)) == len(jobs(out / stage, "merge")) == 1, "started once"
    wanted = {"regions": "learn", "masks": "cancelled", "edges": "learn", "captions": "cancelled"}
    wait_until(lambda: partitions(slurm, out) == wanted, "accounting has their partitions")
    to_its_end(train, here)
    for stage in STAGES:
        assert made(out, stage) == made(here, stage), "as here, to the byte"
    assert call(slurm, "status", out).stdout.count("  complete  ") == 4
    last = chain(slurm, train, out, "captions:cluster.num_jobs=2")
    assert last.count("nothing is submitted") == 4 and not slurm.squeue()


@pytest.mark.slow
def test_with_wait_the_command_starts_every_stage_itself(slurm: Cluster, make_list: MakeList, tmp_path: Path) -> None:
    train, out, here = make_list(6), tmp_path / "out", tmp_path / "here"
    said = chain(slurm, train, out, "--wait")
    assert not slurm.squeue() and not read_submissions(RunFolder(out / "chain")), "no small jobs"
    assert all(f"{stage}: 6 items: 6 done, 0 quarantined, 0 pending" in said for stage in STAGES)
    to_its_end(train, here)
    for stage in STAGES:
        assert_all_done_once(out / stage, 6)
        assert made(out, stage) == made(here, stage), "as here, to the byte"
    again = chain(slurm, train, out, "--wait")
    assert again.count("nothing is submitted") == 4


def test_cancel_ends_all_of_it(slurm: Cluster, make_list: MakeList, tmp_path: Path) -> None:
    train, out = make_list(4), tmp_path / "out"
    chain(slurm, train, out, f"trouble.until={tmp_path / 'never'}")
    assert len(slurm.squeue()) == 4, "workers, their merge, and a job for each of two stages"
    done = call(slurm, "cancel", out)
    assert done.returncode == 0 and "chain.py command goes on" in done.stdout, done.stderr
    assert slurm.squeue() == [] and not (out / "masks").exists()


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["regions", "captions"])
def test_a_node_dies_under_a_stage_and_the_chain_comes_to_its_end(
    stage: str, slurm: Cluster, make_list: MakeList, tmp_path: Path
) -> None:
    train, out, here = make_list(6), tmp_path / "out", tmp_path / "here"
    gate = tmp_path / "gate"
    held = (f"{stage}:trouble.until={gate}", f"{stage}:trouble.after=1", f"{stage}:work.batch=1")
    chain(slurm, train, out, *held, f"{stage}:cluster.num_jobs=2")
    wait_until(lambda: len(records(out / stage)) > 0, f"a first record of {stage}", timeout=240)
    dying = {row["nodes"] for row in slurm.squeue() if row["state"] == "RUNNING"}.pop()
    slurm.kill_node(dying)
    gate.touch()

    def complete() -> bool:
        return all((out / one / "train.txt").exists() and len(listed(out / one)) == 6 for one in STAGES)

    wait_until(complete, "SLURM starts elsewhere what the node took along, and the chain ends", timeout=240)
    to_its_end(train, here)
    for one in STAGES:
        assert_all_done_once(out / one, 6)
        assert made(out, one) == made(here, one), "as here, to the byte"


def test_a_stage_behind_a_cancelled_one_is_not_started_and_the_same_command_goes_on(
    slurm: Cluster, make_list: MakeList, tmp_path: Path
) -> None:
    train, out = make_list(4), tmp_path / "out"
    chain(slurm, train, out, f"trouble.until={tmp_path / 'never'}", "trouble.after=1", "work.batch=1")
    wait_until(lambda: len(records(out / "regions")) == 1, "a first record")
    assert call(slurm, "cancel", out / "regions").returncode == 0
    wait_until(lambda: not slurm.squeue(), "the small jobs look and end")
    log = "".join(path.read_text() for path in (out / "chain" / "logs").glob("slurm-next-*.log"))
    assert "masks is not started: regions is not complete" in log and "3 pending" in log
    assert not (out / "masks").exists() and not (out / "edges").exists()
    chain(slurm, train, out)
    wait_until(lambda: not slurm.squeue(), "the chain ends", timeout=240)
    assert [len(listed(out / stage)) for stage in STAGES] == [4, 4, 4, 4]
