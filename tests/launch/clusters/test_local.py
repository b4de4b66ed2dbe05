"""Workers as processes on this machine: what vanishes is started again, as long as it gets on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from labelyard.generate.run_folder.claims import STALE_AFTER
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.worker.vigil import Vigil
from labelyard.launch.clusters import local
from labelyard.launch.clusters.base import Start
from labelyard.launch.clusters.local import Slot
from labelyard.launch.watching.workers import SILENT_AFTER, WorkerSeen
from tests.conftest import MakeList, call, command, environment, fake_run, listed, records
from tests.support.processes import wait_for


def test_a_worker_that_gets_on_is_started_again_any_number_of_times(make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    settings = ("cluster.num_jobs=1", "work.batch=4", "trouble.abort=3.jpg")
    done = call("run", *fake_run(make_list(30), out, *settings))
    assert done.returncode == 3, done.stderr
    assert "vanished" not in done.stderr
    quarantined = (out / "quarantine.jsonl").read_text().splitlines()
    assert len(quarantined) == 3 and len(listed(out)) == 27


Frozen = Callable[..., tuple[subprocess.Popen[str], Path, int]]


@pytest.fixture
def frozen_run(make_list: MakeList, tmp_path: Path) -> Iterator[Frozen]:
    """A run whose only worker, or one of them, was stopped by SIGSTOP in the middle of its shard: the run, where the
    worker's word lies, and the worker's process."""
    begun: list[tuple[subprocess.Popen[str], Path, int]] = []

    def make(number: int = 1) -> tuple[subprocess.Popen[str], Path, int]:
        begun.append(_freeze(make_list, tmp_path, number))
        return begun[-1]

    yield make
    for run, _, pid in begun:
        if run.poll() is None:  # the test failed
            run.kill()
            os.kill(pid, signal.SIGKILL)
            run.communicate()


def _freeze(make_list: MakeList, tmp_path: Path, number: int) -> tuple[subprocess.Popen[str], Path, int]:
    out, gate = tmp_path / "out", tmp_path / "gate"
    settings = (
        f"cluster.num_jobs={number}",
        "shard_size=12",
        "work.batch=2",
        "trouble.after=4",
        f"trouble.until={gate}",
    )
    run = subprocess.Popen(
        command("run", *fake_run(make_list(24), out, *settings)), env=environment(), stderr=subprocess.PIPE, text=True
    )
    wait_for(lambda: len(records(out)) == 4 * number)
    worker = json.loads(sorted(out.glob("workers/*.json"))[0].read_text())
    os.kill(worker["pid"], signal.SIGSTOP)
    gate.touch()
    return run, out / "workers" / f"{worker['worker']}.json", worker["pid"]


@pytest.mark.parametrize("number", [1, 2])
def test_a_frozen_worker_is_ended_and_another_does_its_work(frozen_run: Frozen, tmp_path: Path, number: int) -> None:
    run, word, pid = frozen_run(number)
    if number > 1:  # the others have done what they can; the frozen one is the last
        wait_for(lambda: len(records(tmp_path / "out")) >= 16)
    os.utime(word, (time.time() - STALE_AFTER - 5,) * 2)
    errors = run.communicate(timeout=120)[1]
    assert run.returncode == 0, errors
    assert f"(process {pid}) has said nothing for 3 min: it is frozen, and was ended" in errors
    assert len(listed(tmp_path / "out")) == 24


def test_a_frozen_worker_is_named_with_what_ends_it_before_it_is_ended(frozen_run: Frozen, tmp_path: Path) -> None:
    run, word, pid = frozen_run()
    os.utime(word, (time.time() - SILENT_AFTER - 5,) * 2)
    assert run.stderr is not None
    line = next(line for line in run.stderr if "said nothing" in line)
    assert "If it is frozen, it is ended in " in line and f"at once: kill -9 {pid}" in line
    os.kill(pid, signal.SIGKILL)
    run.communicate(timeout=120)
    assert run.returncode == 0 and len(listed(tmp_path / "out")) == 24


def test_ctrl_c_reaches_a_stopped_worker_too(frozen_run: Frozen) -> None:
    run, _, _ = frozen_run()
    run.send_signal(signal.SIGINT)
    errors = run.communicate(timeout=120)[1]
    assert run.returncode == 130 and "Stopped as asked" in errors


class Undying:
    """A process that hangs in the kernel: not even SIGKILL ends it."""

    pid, returncode = 4242, None
    killed = False

    def poll(self) -> None:
        return None

    def kill(self) -> None:
        self.killed = True

    def wait(self, timeout: float) -> None:
        raise subprocess.TimeoutExpired("worker", timeout)


def heard(seconds_since: float, overdue: float | None = None) -> WorkerSeen:
    """A worker of this machine, by its last word."""
    return WorkerSeen("a", "h", 4242, True, "", "", "working", "", 0, 0, None, overdue, False, 0.0, seconds_since)


@pytest.mark.parametrize("complete", [False, True])
def test_who_can_not_even_be_killed_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, complete: bool
) -> None:
    folder = RunFolder(tmp_path)
    folder.make()
    slot, told, started = Slot(0, Start(folder, folder.read_plan(), tmp_path)), list[str](), list[int]()
    process = Undying()
    slot._process = cast(Any, process)
    monkeypatch.setattr(slot, "start", started.append)
    monkeypatch.setattr(local, "is_complete", lambda folder: complete)
    slot.judge([heard(10.0)], Vigil(), False, told.append)
    assert slot.look(1, False) and not told and not process.killed
    slot.judge([heard(STALE_AFTER + 1)], Vigil(), False, told.append)
    assert process.killed and "is frozen" in told[0]
    assert slot.look(1, False) is not complete and started == ([] if complete else [1])


def test_a_worker_that_beats_but_ends_nothing_is_told_and_left_alone(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    slot, told = Slot(0, Start(folder, folder.read_plan(), tmp_path)), list[str]()
    slot._process = cast(Any, Undying())
    for _ in range(2):
        slot.judge([heard(10.0, overdue=1500.0)], Vigil(), False, told.append)
    assert told == ["worker 0 (process 4242) has ended no image for 25 min. If it hangs: kill -9 4242; another goes on"]
    assert slot.look(1, False)
