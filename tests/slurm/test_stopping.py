"""cancel.py ends exactly the run's jobs; status.py says what waits for a person."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from tests.conftest import MakeList

from .conftest import Cluster, wait_until
from .runs import assert_all_done_once, call, jobs, lives, submitted, wait_for_records, wait_for_the_end

SLOW = ("work.batch=1", "trouble.seconds=1")


def names_in_queue(slurm: Cluster) -> set[str]:
    return {row["name"].removesuffix("-merge").rpartition("-")[0] for row in slurm.squeue()}


def test_cancel_ends_the_jobs_of_one_run_only(slurm: Cluster, make_list: MakeList, tmp_path: Path) -> None:
    train, one, other = make_list(600), tmp_path / "one", tmp_path / "other"  # more than anybody can do meanwhile
    submitted(
        slurm,
        train,
        one,
        "shard_size=20",
        "cluster.num_jobs=6",
        "cluster.gpus_per_node=0",
        "cluster.successors=1",
        *SLOW,
    )
    said = submitted(slurm, train, one, "cluster.num_jobs=1", "cluster.gpus_per_node=0", *SLOW)
    assert "12 jobs of this run are in SLURM's queue already; these come in addition" in said
    submitted(slurm, train, other, "cluster.num_jobs=1", *SLOW)
    wait_for_records(one, 2)
    wait_for_records(other, 1)
    assert names_in_queue(slurm) == {"one", "other"}
    # The other run's number stands in this run's folder, as when SLURM counts from 1 again: the name decides.
    path = next(one.glob("slurm/*.json"))
    submission = json.loads(path.read_text())
    submission["jobs"].append({"id": jobs(other)[0]["id"], "kind": "workers"})
    path.write_text(json.dumps(submission))

    done = call(slurm, "cancel", one)
    assert done.returncode == 0, done.stderr
    assert names_in_queue(slurm) == {"other"}
    assert [row["state"] for row in slurm.squeue("-j", jobs(other)[0]["id"])] == ["RUNNING"]
    assert {life["state"] for life in lives(one)} == {"stopped"}
    assert not (one / "train.txt").exists(), "the merge job did not run either"
    assert not [path for path in (one / "claims").iterdir() if not path.name.startswith(".")], "claims are freed"
    again = call(slurm, "cancel", one)
    assert again.returncode == 0 and "nothing is cancelled" in again.stdout
    assert call(slurm, "cancel", other).returncode == 0 and not slurm.squeue()


def test_jobs_of_a_start_that_was_killed_are_found(slurm: Cluster, make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    submitted(slurm, make_list(40), out, *SLOW)
    path = next(out.glob("slurm/*.json"))
    path.write_text(json.dumps({**json.loads(path.read_text()), "whole": False, "jobs": []}))
    told = call(slurm, "cancel", out)
    assert told.returncode == 0 and told.stdout.startswith("cancelled: "), told
    assert not slurm.squeue()


def test_a_held_job_is_named(slurm: Cluster, make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    submitted(slurm, make_list(60), out, "cluster.num_jobs=2", "work.batch=2", "trouble.seconds=0.3")
    task = f"{jobs(out)[0]['id']}_1"
    wait_for_records(out, 4)
    slurm.run("scontrol", "requeuehold", task)
    wait_until(lambda: "  held  " in call(slurm, "status", out).stdout, "it is held")
    seen = call(slurm, "status", out).stdout
    assert f"held       {task}" in seen and f"scontrol release {task}" in seen
    found = json.loads(call(slurm, "status", out, "--json").stdout)["slurm"]
    assert [job["job"] for job in found["held"]] == [task] and found["states"]["running"] == 1
    assert found["nodes"]["n1"]["running"] == 1


def of_the_advice(slurm: Cluster, out: Path, reason: str, **values: str) -> None:
    """Status names the reason; its command, with what the person chooses, is given."""
    wait_until(lambda: f"({reason}) until" in call(slurm, "status", out).stdout, f"it waits for {reason}")
    (line,) = [line for line in call(slurm, "status", out).stdout.splitlines() if line.startswith("  held")]
    words = line.partition("until a person acts: ")[2].partition("   (")[0]
    for name, value in values.items():
        words = words.replace(f"{name}=…", f"{name}={value}")
    assert "…" not in words and "release" not in words
    slurm.run(*shlex.split(words))
    wait_until(lambda: not [row for row in slurm.squeue() if row["reason"] == reason], f"{reason} is gone")
    wait_for_the_end(slurm, out)
    assert_all_done_once(out, 4)


def test_the_advice_for_a_dependency_that_is_never_satisfied_helps(
    slurm: Cluster, make_list: MakeList, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    failing = slurm.sbatch("-o", "/dev/null", "--wrap", "exit 1")
    slurm.wait_state(failing, "FAILED")
    submitted(slurm, make_list(4), out, "cluster.num_jobs=2", f"cluster.dependency='afterok:{failing}'")
    of_the_advice(slurm, out, "DependencyNeverSatisfied")


def test_the_advice_for_bad_constraints_and_too_long_a_time_helps(
    slurm: Cluster, make_list: MakeList, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    slurm.run("scontrol", "update", "NodeName=n1", "AvailableFeatures=fast", "ActiveFeatures=fast")
    earlier = slurm.sbatch("--hold", "-o", "/dev/null", "--wrap", "true")
    held = ("cluster.constraint=fast", f"cluster.dependency='afterany:{earlier}'")
    submitted(slurm, make_list(4), out, *held)
    slurm.run("scontrol", "update", "NodeName=n1", "AvailableFeatures=", "ActiveFeatures=")
    slurm.run("scancel", earlier)
    of_the_advice(slurm, out, "BadConstraints")

    late = tmp_path / "late"
    slurm.run("scontrol", "update", "PartitionName=learn", "MaxTime=10")
    try:
        submitted(slurm, tmp_path / "train_data.json", late, "cluster.time=60", "cluster.merge.time=5")
        of_the_advice(slurm, late, "PartitionTimeLimit", TimeLimit="5")
    finally:
        slurm.run("scontrol", "update", "PartitionName=learn", "MaxTime=INFINITE")


def test_status_does_with_less_where_slurm_is_not_reached(slurm: Cluster, make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    submitted(slurm, make_list(40), out, *SLOW)
    wait_for_records(out, 1)
    nowhere = Cluster(slurm.folder, {**slurm.env, "PATH": "/nowhere"})
    seen = call(nowhere, "status", out)
    assert seen.returncode == 0, seen.stderr
    assert "there is no squeue on this machine" in seen.stdout and "40: " in seen.stdout
    assert "no worker is at work" not in seen.stdout, "one is, even if it has not said yet how fast"
    (line,) = [line for line in seen.stdout.splitlines() if line.startswith("  slurm-")]
    assert line.endswith(f"/s   on {lives(out)[0]['slurm']['SLURMD_NODENAME']}"), "the slow ones' nodes are named"
    refused = call(nowhere, "cancel", out)
    assert refused.returncode == 1 and "where squeue and scancel are" in refused.stderr
