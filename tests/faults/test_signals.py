"""Rows 2, 3, 5, 6 and 23 of docs/failures.md: workers that are asked to stop, killed, frozen, or doubled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest

from labelyard.generate.run_folder.claims import STALE_AFTER
from tests.conftest import MakeList, call, command, environment, fake_run, listed, records
from tests.faults.outcome import check_at_any_time, outcome, temporaries_in
from tests.faults.support import lines, merge, plan, started_and_ended, work, worker
from tests.support.processes import wait_for

SLOW = ("work.batch=4", "trouble.seconds=0.04")
IN_FLIGHT = 3 * 4  # a batch whose images are read, one in the steps, one being written


def has_records(out: Path, number: int) -> bool:
    return len(records(out)) >= number


def has_journals(out: Path, number: int) -> bool:
    return len(list((out / "journal").iterdir())) >= number


@pytest.mark.parametrize("grace", [0, 1])
def test_preemption_costs_at_most_what_is_in_flight(make_list: MakeList, tmp_path: Path, grace: float) -> None:
    """SIGCONT and SIGTERM at once, and SIGKILL after the grace, which SLURM's default sets to zero."""
    out = tmp_path / "out"
    plan(make_list(60), out, *SLOW)
    for _ in range(2):
        process, before = worker(out), len(records(out))
        wait_for(partial(has_records, out, before + 10))
        for number in (signal.SIGCONT, signal.SIGTERM):
            process.send_signal(number)
        try:
            process.wait(timeout=grace)
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        assert process.returncode == (75 if grace else -signal.SIGKILL)
        check_at_any_time(out, tmp_path)
    assert work(out)[0] == 0
    code, stats = merge(out)
    assert code == 0 and stats["done"] == 60 and temporaries_in(out) == []
    starts, ends = started_and_ended(out)
    assert ends == 60 and starts - 60 <= 2 * IN_FLIGHT


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGUSR2, signal.SIGINT])
def test_a_second_signal_during_the_shutdown_changes_nothing(
    make_list: MakeList, tmp_path: Path, first: signal.Signals
) -> None:
    out = tmp_path / "out"
    plan(make_list(40), out, *SLOW)
    process = worker(out)
    wait_for(lambda: len(records(out)) >= 4)
    for number in (first, signal.SIGTERM, signal.SIGUSR2, signal.SIGINT, signal.SIGCONT):
        process.send_signal(number)
        time.sleep(0.01)
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 75 and f"stopped ({first.name})" in said and errors == ""
    assert not [path for path in (out / "claims").iterdir() if not path.name.startswith(".")]
    assert {event["event"] for path in (out / "journal").iterdir() for event in lines(path)} >= {"stopping"}
    assert work(out)[0] == 0 and merge(out)[0] == 0


def test_a_worker_that_was_asked_to_stop_blames_no_item(make_list: MakeList, tmp_path: Path) -> None:
    """However often: what it leaves unfinished is not tried alone later, let alone quarantined."""
    out = tmp_path / "out"
    plan(make_list(24), out, "work.batch=4", "trouble.seconds=0.1", "work.max_attempts=1")
    for _ in range(4):
        before = len(list((out / "journal").iterdir()))
        process = worker(out)
        wait_for(partial(has_journals, out, before + 1))
        process.terminate()
        assert process.wait(timeout=60) in (0, 75)
        process.communicate()
    assert work(out)[0] == 0 and merge(out)[1]["done"] == 24


def test_a_process_that_vanishes_here_is_replaced_at_once(make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    plan(make_list(40), out, *SLOW)
    process = worker(out)
    wait_for(lambda: len(records(out)) >= 4)
    process.kill()
    process.communicate()
    assert any((out / "claims").iterdir()), "its claim stays"
    began = time.monotonic()
    assert work(out)[0] == 0 and merge(out)[0] == 0
    assert time.monotonic() - began < STALE_AFTER / 2, "nobody waited for the claim to get stale"


def test_a_node_that_goes_down_keeps_nobody_from_the_other_shards(make_list: MakeList, tmp_path: Path) -> None:
    """Its claim looks alive first: the others finish the rest and end. Then its heartbeat stands still."""
    out = tmp_path / "out"
    plan(make_list(24), out, "shard_size=8")
    lost = {"worker": "lost", "task": "", "host": "node-17", "pid": 4, "started": "1", "machine": "another"}
    claim = out / "claims" / "00001"
    claim.write_text(json.dumps(lost))
    code, said, _ = work(out)
    assert code == 0 and "16 done" in said
    code, stats = merge(out)
    assert code == 3 and stats["missing"] == 8
    then = time.time() - STALE_AFTER - 5
    os.utime(claim, (then, then))
    assert work(out)[0] == 0 and merge(out)[0] == 0
    assert not (out / "claims" / "00001").exists()


def test_two_workers_on_one_shard_do_no_harm(make_list: MakeList, tmp_path: Path) -> None:
    """The first one's claim is taken away under its hands, again and again."""
    out, alone = tmp_path / "out", tmp_path / "alone"
    train = make_list(32)
    settings = ("shard_size=16", *SLOW)
    plan(train, alone, *settings)
    assert work(alone)[0] == 0
    merge(alone)
    plan(train, out, *settings)
    workers = [worker(out) for _ in range(3)]
    while any(process.poll() is None for process in workers):
        for claim in (out / "claims").glob("0*"):
            claim.unlink(missing_ok=True)
        time.sleep(0.02)
    said = [process.communicate()[0] for process in workers]
    assert [process.returncode for process in workers] == [0, 0, 0], said
    starts, ends = started_and_ended(out)
    assert starts > 32 or ends > 32, "there was double work, or the test shows nothing"
    merge(out)
    assert outcome(out) == outcome(alone) and temporaries_in(out) == []


def test_a_frozen_worker_that_wakes_up_finds_its_shard_done_and_harms_nothing(
    make_list: MakeList, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    plan(make_list(16), out, "shard_size=16", *SLOW)
    frozen = worker(out)
    wait_for(lambda: len(records(out)) >= 4)
    frozen.send_signal(signal.SIGSTOP)
    then = time.time() - STALE_AFTER - 5
    os.utime(out / "claims" / "00000", (then, then))
    assert work(out)[0] == 0
    before = merge(out), {path: path.read_bytes() for path in records(out)}
    frozen.send_signal(signal.SIGCONT)
    assert frozen.wait(timeout=60) == 0
    frozen.communicate()
    code, stats = merge(out)
    assert code == 0 and stats["done"] == before[0][1]["done"] == 16
    assert {path: path.read_bytes() for path in records(out)} == before[1]


def test_status_and_a_later_start_need_nothing_of_a_driver_that_died(make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = fake_run(make_list(40), out, "cluster.num_jobs=1", *SLOW)
    with subprocess.Popen(command("run", *arguments), env=environment(), stderr=subprocess.DEVNULL) as driver:
        wait_for(lambda: len(records(out)) >= 4)
        by_hand = worker(out)
        driver.kill()
    seen = json.loads(call("status", out, "--json").stdout)
    assert seen["items"] == 40 and seen["done"] >= 4
    assert by_hand.wait(timeout=60) == 0, "workers that others started go on"
    by_hand.communicate()
    assert call("run", *arguments).returncode == 0 and len(listed(out)) == 40
