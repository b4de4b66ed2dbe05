"""Every option of a site reaches a real SLURM, all of them at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, MakeList, command

from .conftest import Cluster, wait_until
from .runs import assert_all_done_once, jobs, lives, log, submitted, wait_for_the_end


@pytest.fixture
def site(slurm: Cluster) -> Iterator[Cluster]:
    """A cluster whose n1 has a feature, and is reserved."""
    slurm.run("scontrol", "update", "NodeName=n1", "AvailableFeatures=fast", "ActiveFeatures=fast")
    slurm.run(
        "scontrol", "create", "reservation", "ReservationName=week", "Users=root", "Nodes=n1", "StartTime=now",
        "Duration=60", "Flags=IGNORE_JOBS",
    )  # fmt: skip
    yield slurm
    slurm.reset()
    slurm.run("scontrol", "delete", "ReservationName=week")
    slurm.run("scontrol", "update", "NodeName=n1", "AvailableFeatures=", "ActiveFeatures=")


def shown(slurm: Cluster, job: str) -> dict[str, str]:
    words = slurm.run("scontrol", "show", "job", "--oneliner", job).stdout.splitlines()[0].split()
    return dict(word.split("=", 1) for word in words if "=" in word)


def test_a_fully_configured_run(site: Cluster, make_list: MakeList, tmp_path: Path) -> None:
    out, wrapper = tmp_path / "a run", tmp_path / "python"
    wrapper.write_text(f'#!/bin/bash\necho "called as $*"\nexec {command("run")[0]} "$@"\n')
    wrapper.chmod(0o755)
    earlier = site.sbatch("--hold", "-o", "/dev/null", "--wrap", "true")
    submitted(
        site, make_list(12), out, "cluster.num_jobs=3", "cluster.max_running=2", "cluster.name=weekly",
        "cluster.partition=learn", "cluster.account=tests", "cluster.qos=normal", "cluster.constraint=fast",
        "cluster.gres=gpu:2", "cluster.nodes=1", "cluster.tasks_per_node=2", "cluster.cpus_per_task=3",
        "cluster.mem=2G", "cluster.time=1:30:00", "cluster.exclude=[n2]", "cluster.nodelist=n1",
        "cluster.comment='week 2, photos'", "cluster.reservation=week", f"cluster.dependency='afterany:{earlier}'",
        "cluster.stop_before=200",
        "cluster.setup=['module() { echo loaded $2; }','module load cuda','export SAID=so']",
        "cluster.sbatch_args=['--nice=7','--spread-job']", "cluster.srun_args=['--cpu-bind=none','--label']",
        f"cluster.python={wrapper}", "cluster.merge.partition=urgent", "cluster.merge.time=5",
    )  # fmt: skip
    (array,), (merge,) = jobs(out), jobs(out, "merge")
    job = shown(site, array["id"])
    name = job.pop("JobName")
    assert name.startswith("weekly-") and shown(site, merge["id"])["JobName"] == f"{name}-merge"
    expected = {
        "Partition": "learn", "Account": "tests", "QOS": "normal", "Features": "fast", "TresPerNode": "gres:gpu:2",
        "NumNodes": "1-1", "CPUs/Task": "3", "MinMemoryNode": "2G", "TimeLimit": "01:30:00", "ExcNodeList": "n2",
        "ReqNodeList": "n1", "Comment": "week", "Reservation": "week", "Nice": "7", "Requeue": "1",
        "ArrayTaskThrottle": "2", "NtasksPerN:B:S:C": "2:0:*:*",
    }  # fmt: skip
    assert {key: job.get(key) for key in expected} == expected
    assert job["Dependency"] == f"afterany:{earlier}(unfulfilled)"
    behind = shown(site, merge["id"])
    assert (behind["Partition"], behind["TimeLimit"], behind["Account"]) == ("urgent", "00:05:00", "tests")
    assert behind.get("TresPerNode") is None, "the merge job takes no GPU"

    site.run("scancel", earlier)
    wait_until(lambda: lives(out), "the workers start")
    wait_for_the_end(site, out)
    assert_all_done_once(out, 12)
    said = log(out, [f"slurm-{array['id']}_0_0"])
    assert "loaded cuda" in said and f"0: called as -u {ROOT}/generate/worker/slurm_task.py" in said
    assert f"called as -u {ROOT}/launch/jsons2txt.py {out}" in log(out, ["slurm-merge-*"])
    assert {(life["slurm"]["SLURMD_NODENAME"], life["gpu"]) for life in lives(out)} == {("n1", "0"), ("n1", "1")}
