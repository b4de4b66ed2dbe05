"""From run.py to a train list, on a real SLURM."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.conftest import ROOT, MakeList, command, fake_run, listed, records

from .conftest import Cluster, bring_up, cluster_script, wait_until
from .runs import (
    assert_all_done_once,
    call,
    environment,
    jobs,
    lives,
    log,
    run,
    submitted,
    wait_for_records,
    wait_for_the_end,
)

ODD = "läufe (1) = a,b # ~ %j 'x' \"y\""  # a folder's name


def places(out: Path) -> set[tuple[str, str]]:
    return {(life["slurm"]["SLURMD_NODENAME"], life["gpu"]) for life in lives(out)}


ALL_GPUS = {("n1", "0"), ("n1", "1"), ("n2", "0"), ("n2", "1")}


def test_four_workers_over_two_nodes_and_the_merge_after_them(
    slurm: Cluster, make_list: MakeList, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    gate = ("work.batch=2", "trouble.after=2", f"trouble.until={tmp_path / 'gate'}")  # for each of the four
    said = submitted(slurm, make_list(48), out, "cluster.num_jobs=4", *gate)
    assert not (out / "train.txt").exists(), "run.py does not wait for the workers"
    (array,), (merge,) = jobs(out), jobs(out, "merge")
    assert array["id"] in said and merge["id"] in said and f"status.py {out.name}\n" in said
    wait_for_records(out, 8)
    (tmp_path / "gate").touch()
    wait_for_the_end(slurm, out)
    assert places(out) == ALL_GPUS
    assert all(life["state"] == "finished" and life["done"] > 0 for life in lives(out))
    assert_all_done_once(out, 48)
    wait_until(lambda: [row["State"] for row in slurm.sacct(array["id"], "State")] == 4 * ["COMPLETED"], "accounting")
    ends = [row["End"] for row in slurm.sacct(array["id"], "End")]
    start = slurm.sacct(merge["id"], "Start")[0]["Start"]
    assert datetime.fromisoformat(start) >= max(map(datetime.fromisoformat, ends))
    assert "48 of 48 items are done" in log(out, ["slurm-merge-*"])

    again = run(slurm, tmp_path / "train_data.json", out, "cluster.num_jobs=4")
    assert again.returncode == 0 and "nothing is submitted" in again.stdout and len(jobs(out)) == 1


def test_one_allocation_of_two_nodes_holds_a_worker_for_every_gpu(
    slurm: Cluster, make_list: MakeList, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ("cluster.nodes=2", "cluster.gpus_per_node=2", "cluster.cpus_per_task=2")
    submitted(slurm, make_list(40), out, *options, "work.batch=2", "trouble.seconds=0.2")
    wait_for_the_end(slurm, out)
    assert places(out) == ALL_GPUS
    assert len(slurm.sacct(jobs(out)[0]["id"])) == 1
    assert_all_done_once(out, 40)
    assert len(list(out.glob("logs/slurm-*_0_*.log"))) == 4, "a log for every worker"


def test_more_jobs_than_an_array_may_have(slurm: Cluster, make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    submitted(slurm, make_list(24), out, "cluster.num_jobs=11", "cluster.gpus_per_node=0", "cluster.max_running=11")
    assert [(job["first"], job["tasks"]) for job in jobs(out)] == [(0, 9), (9, 2)]
    wait_for_the_end(slurm, out)
    ran = [
        job["first"] + index for job in jobs(out) for index in range(9) if log(out, [f"slurm-{job['id']}_{index}_0"])
    ]
    assert ran == list(range(11)), "every worker index, once"
    assert {row["State"] for job in jobs(out) for row in slurm.sacct(job["id"])} == {"COMPLETED"}
    assert_all_done_once(out, 24)


@pytest.fixture
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster that lets a user have ten jobs."""
    cluster = bring_up(tmp_path_factory.mktemp("limited"), os.getpid(), TESTCLUSTER_ENFORCE="limits")
    cluster.run("sacctmgr", "-i", "modify", "user", "root", "set", "MaxSubmitJobs=10")
    yield cluster
    cluster_script("down", cluster.folder)


def test_sbatch_refuses_the_second_array(limited: Cluster, make_list: MakeList, tmp_path: Path) -> None:
    train, out = make_list(24), tmp_path / "out"
    refused = run(limited, train, out, "cluster.num_jobs=11", "cluster.gpus_per_node=0")
    assert refused.returncode == 1 and "Traceback" not in refused.stderr
    (array,), (merge,) = jobs(out), jobs(out, "merge")
    assert "sbatch refused array 2 of 2" in refused.stderr and "limit" in refused.stderr
    assert f"{array['id']}  workers: jobs 0 to 8" in refused.stderr and f"{merge['id']}  merge" in refused.stderr
    assert f"launch/cancel.py {out}" in refused.stderr
    wait_for_the_end(limited, out)
    assert_all_done_once(out, 24)

    nothing = run(limited, train, tmp_path / "other", "cluster.partition=nowhere")
    assert nothing.returncode == 1 and "invalid partition" in nothing.stderr.lower()
    assert "No job of this start stands" in nothing.stderr and not list((tmp_path / "other" / "slurm").iterdir())


def test_started_twice_at_once_there_is_one_plan_and_two_sets_of_workers(
    slurm: Cluster, make_list: MakeList, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments = fake_run(
        make_list(60), out, "cluster=slurm", "cluster.num_jobs=2", "trouble.seconds=0.1", "work.batch=2"
    )
    both = [subprocess.Popen(command("run", *arguments), env=environment(slurm)) for _ in range(2)]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    wait_for_the_end(slurm, out)
    assert len(jobs(out)) == 2 and len({life["task"].split("_")[0] for life in lives(out)}) == 2
    assert (out / "plan.json").read_text().count('"fingerprint"') == 1
    assert_all_done_once(out, 60)


def test_a_start_while_another_waits_for_sbatch(slurm: Cluster, make_list: MakeList, tmp_path: Path) -> None:
    train, out, slow = make_list(12), tmp_path / "out", tmp_path / "slow"
    slow.mkdir()
    asked, go_on = tmp_path / "asked", tmp_path / "go on"
    patient = f"touch '{asked}'; until [ -e '{go_on}' ]; do sleep 0.1; done; exec {shutil.which('sbatch')} \"$@\""
    (slow / "sbatch").write_text(f"#!/bin/bash\n{patient}\n")
    (slow / "sbatch").chmod(0o755)
    behind = Cluster(slurm.folder, {**slurm.env, "PATH": f"{slow}:{slurm.env['PATH']}"})
    first = subprocess.Popen(command("run", *fake_run(train, out, "cluster=slurm")), env=environment(behind))
    wait_until(asked.exists, "sbatch is asked")
    submitted(slurm, train, out, "work.batch=1", "trouble.seconds=0.5")
    go_on.touch()
    assert first.wait(timeout=60) == 0
    assert len(jobs(out)) == 2 and len(jobs(out, "merge")) == 2
    scripts = {path.name for path in out.glob("slurm/*/*_submission.sh")}
    assert scripts == {f"{job['id']}_submission.sh" for kind in ("workers", "merge") for job in jobs(out, kind)}
    wait_for_the_end(slurm, out)
    assert len(listed(out)) == 12


def test_wait_follows_to_the_end(slurm: Cluster, make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / ODD
    done = run(slurm, make_list(12), out, "--wait")
    assert done.returncode == 0, done.stderr
    assert "12 of 12 items are done" in done.stdout and len(listed(out)) == 12


def test_without_the_launcher(slurm: Cluster, make_list: MakeList, tmp_path: Path) -> None:
    out, train = tmp_path / ODD, make_list(24)
    python = command("run")[0]
    settings = fake_run(train, out, "work.batch=2", "trouble.after=2", f"trouble.until={tmp_path / 'gate'}")
    array = slurm.run(
        "env", f"LABELYARD={ROOT}", f"PYTHONPATH={ROOT}", f"PYTHON={python}", "sbatch", "--parsable", "--array=0-2",
        str(ROOT / "slurm" / "generate.sbatch"), *map(str, settings), cwd=tmp_path,
    ).stdout.strip()  # fmt: skip
    slurm.run(
        "env", f"LABELYARD={ROOT}", f"PYTHONPATH={ROOT}", f"PYTHON={python}",
        "sbatch", f"--dependency=afterany:{array}",
        str(ROOT / "slurm" / "merge.sbatch"), str(out), cwd=tmp_path,
    )  # fmt: skip
    wait_for_records(out, 6)  # two of each
    assert "3 running" in call(slurm, "status", out).stdout
    (tmp_path / "gate").touch()
    wait_until(lambda: not slurm.squeue(), "all jobs end")
    assert (out / "plan.json").read_text().count('"fingerprint"') == 1
    assert len(lives(out)) == 3 and len(records(out)) == 24
    assert_all_done_once(out, 24)
