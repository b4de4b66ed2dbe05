"""What happens to workers on a cluster: preemption, time limits, dead nodes, bad nodes."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tests.conftest import ROOT, MakeList, listed, records

from .conftest import Cluster, wait_until
from .runs import (
    assert_all_done_once,
    call,
    jobs,
    lives,
    log,
    run,
    submitted,
    wait_for_records,
    wait_for_the_end,
)

SLOW = ("work.batch=2", "trouble.seconds=0.2")  # so that there is a half-way


def urgent(slurm: Cluster) -> None:
    """A job that needs both nodes at once."""
    slurm.sbatch("-p", "urgent", "-N2", "--exclusive", "-o", "/dev/null", "--wrap", "sleep 1")


def stamps(out: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in records(out)}


def stopped(out: Path, number: int) -> bool:
    return [life["state"] for life in lives(out)] == ["stopped"] * number


def untouched(out: Path, before: dict[Path, int]) -> bool:
    return {path: path.stat().st_mtime_ns for path in before} == before


def test_preempted_half_way_they_are_requeued_and_finish(slurm: Cluster, make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    submitted(slurm, make_list(72), out, "cluster.num_jobs=2", *SLOW)
    wait_for_records(out, 12)
    urgent(slurm)
    array = jobs(out)[0]["id"]
    wait_until(lambda: [row for row in slurm.squeue("-j", array) if row["state"] == "PENDING"], "they are preempted")
    before = stamps(out)
    assert len(before) < 72
    wait_for_the_end(slurm, out)
    assert {life["worker"] for life in lives(out)} == {f"slurm-{array}_{n}_0-r{r}" for n in (0, 1) for r in (0, 1)}
    assert untouched(out, before)
    assert len(listed(out)) == len(set(listed(out))) == 72
    logs = sorted(path.name for path in out.glob(f"logs/slurm-{array}_*"))
    assert logs == [f"slurm-{array}_{n}_0.log" for n in (0, 1)], "one log for every worker, through all its lives"
    assert all(log(out, [name[:-4]]).count("started as process") == 2 for name in logs)


def test_a_grace_before_preemption_saves_the_batch_in_flight(
    slurm: Cluster, make_list: MakeList, tmp_path: Path
) -> None:
    # SLURM does not requeue who ends by himself within the grace: the batch script has to ask for it.
    out = tmp_path / "out"
    slurm.run("scontrol", "update", "PartitionName=learn", "GraceTime=60")
    try:
        submitted(slurm, make_list(96), out, "cluster.num_jobs=2", *SLOW)
        wait_for_records(out, 12)
        urgent(slurm)
        wait_until(lambda: len([life for life in lives(out) if life["state"] == "stopped"]) == 2, "they stop")
        assert {life["reason"] for life in lives(out)} == {"SIGTERM"}
        wait_for_the_end(slurm, out)
    finally:
        slurm.run("scontrol", "update", "PartitionName=learn", "GraceTime=0")
    assert_all_done_once(out, 96)
    assert len(lives(out)) == 4


def test_the_time_limit_twice(slurm: Cluster, make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    submitted(slurm, make_list(60), out, *SLOW)
    task = f"{jobs(out)[0]['id']}_0"
    for life, number in enumerate((6, 18)):
        wait_for_records(out, number)
        slurm.run("scancel", "--signal=USR2", "--batch", task)  # as SLURM does ahead of the limit
        wait_until(partial(stopped, out, life + 1), "it stops")
        assert len(records(out)) < 60
    wait_for_the_end(slurm, out)
    assert [(life["reason"], life["state"]) for life in lives(out)] == [
        ("SIGUSR2", "stopped"), ("SIGUSR2", "stopped"), ("", "finished"),
    ]  # fmt: skip
    assert_all_done_once(out, 60)
    assert slurm.sacct(task, "State")[0]["State"] == "COMPLETED"


def test_a_node_dies_and_the_others_finish(slurm: Cluster, make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    submitted(slurm, make_list(100), out, "cluster.num_jobs=4", *SLOW)
    wait_until(lambda: len([life for life in lives(out) if life["state"] == "working"]) == 4, "four work")
    wait_for_records(out, 12)
    array = jobs(out)[0]["id"]
    slurm.kill_node("n1")
    before = stamps(out)
    wait_until(lambda: "node failures" in call(slurm, "status", out).stdout, "accounting knows of it")
    seen = call(slurm, "status", out).stdout
    assert "2 node failures" in seen and "avoid      n1" in seen and "--exclude=n1" in seen
    wait_for_the_end(slurm, out)
    assert len(listed(out)) == len(set(listed(out))) == 100 and untouched(out, before)

    def ends() -> list[tuple[str, ...]]:
        return sorted(tuple(row.values()) for row in slurm.sacct(array, "JobID,State,NodeList"))

    # What was lost with the node came back on the other one, if only to find everything done.
    well = [(f"{array}_{number}", "COMPLETED", "n2") for number in range(4)]
    wait_until(lambda: ends() == well, "all four ended well on the node that is left")


def test_preemption_that_cancels_is_made_good_by_a_successor_or_by_the_same_command(
    slurm: Cluster, make_list: MakeList, tmp_path: Path
) -> None:
    train, with_one, without = make_list(60), tmp_path / "with", tmp_path / "without"
    options = ("cluster.partition=cancelled", "cluster.num_jobs=2", *SLOW)
    submitted(slurm, train, with_one, *options, "cluster.successors=1")
    submitted(slurm, train, without, *options)
    wait_for_records(with_one, 4)
    wait_for_records(without, 4)
    urgent(slurm)
    first, second = jobs(with_one)
    wait_until(lambda: slurm.state(first["id"]) == "PREEMPTED", "they are cancelled")
    assert len(records(with_one)) < 60

    wait_for_the_end(slurm, without)
    missing = (without / "missing.jsonl").read_text().splitlines()
    assert len(missing) > 0 and len(listed(without)) + len(missing) == 60
    submitted(slurm, train, without, *options)
    for out in (with_one, without):
        wait_for_the_end(slurm, out)
        assert len(listed(out)) == len(set(listed(out))) == 60
    assert {life["task"].split("_")[0] for life in lives(with_one)} == {first["id"], second["id"]}


def test_a_setup_line_that_fails_is_told_and_one_that_ends_well_under_set_e_lets_workers_live(
    slurm: Cluster, make_list: MakeList, tmp_path: Path
) -> None:
    train, out = make_list(40), tmp_path / "out"
    broken = "cluster.setup=['export SAID=so','module load cuda/12.9']"
    done = run(slurm, train, out, "cluster.num_jobs=2", broken, "--wait")
    assert done.returncode == 1, done.stdout + done.stderr
    array = jobs(out)[0]["id"]
    words = "cluster.setup failed with exit status 127 at: module load cuda/12.9"
    assert done.stderr.count(words) == 2 and f"failed     {array}_0" in done.stderr
    assert call(slurm, "status", out).stdout.count(words) == 2 and lives(out) == []

    # `wait` for a worker that was stopped is no failing line: it is requeued all the same.
    submitted(slurm, train, out, "cluster.setup=['set -euo pipefail','export SAID=so']", *SLOW)
    wait_for_records(out, 4)
    slurm.run("scancel", "--signal=USR2", "--batch", f"{jobs(out)[1]['id']}_0")
    wait_for_the_end(slurm, out)
    assert [life["state"] for life in lives(out)] == ["stopped", "finished"]
    assert_all_done_once(out, 40)


def test_a_bad_node_is_named_and_avoided(slurm: Cluster, make_list: MakeList, tmp_path: Path) -> None:
    train, out = make_list(12), tmp_path / "out"
    library = tmp_path / "library"
    library.mkdir()
    (library / "some_library.py").touch()
    setup = f'cluster.setup=["if [ $SLURMD_NODENAME != n2 ]; then export PYTHONPATH={library}:{ROOT}; fi"]'
    options = ("cluster.num_jobs=2", "trouble.needs=some_library", setup)
    submitted(slurm, train, out, *options, "cluster.nodelist=n2")
    wait_for_the_end(slurm, out)
    assert listed(out) == [] and len((out / "missing.jsonl").read_text().splitlines()) == 12
    assert [life["state"] for life in lives(out)] == ["failed"] * 6, "three lives each, then they stay down"
    wait_until(lambda: "2 failed" in call(slurm, "status", out).stdout, "accounting knows of it")
    seen = call(slurm, "status", out).stdout
    assert "No module named 'some_library'" in seen and "--exclude=n2" in seen
    submitted(slurm, train, out, *options, "cluster.exclude=[n2]")
    wait_for_the_end(slurm, out)
    assert_all_done_once(out, 12)
