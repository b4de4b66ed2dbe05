"""generate.task, as SLURM starts it, with SLURM's variables and nothing else of SLURM."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from labelyard.generate.run_folder.claims import STALE_AFTER
from labelyard.generate.worker.slurm_task import gpus_of_this_task
from tests.conftest import ROOT, MakeList, call, environment, fake_run, records
from tests.support.processes import wait_for

SLURM = {"SLURM_JOB_ID": "8", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3", "SLURM_PROCID": "0"}


def planned(train: Path, out: Path, *more: object) -> None:
    done = call("run", *fake_run(train, out, "plan_only=true", *more))
    assert done.returncode == 0, done.stderr


def task(out: Path, restart: int = 0) -> subprocess.Popen[str]:
    variables = SLURM | ({"SLURM_RESTART_COUNT": str(restart)} if restart else {})
    return subprocess.Popen(
        [sys.executable, str(ROOT / "generate" / "worker" / "slurm_task.py"), str(out)],
        env=environment() | variables, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    said = process.communicate(timeout=60)[0]
    return process.returncode, said


def lives(out: Path) -> list[dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in out.glob("workers/*.json")]
    return sorted(found, key=lambda state: state["began"])


def started(out: Path, life: str) -> bool:
    """Its worker is deep in an item."""
    return any('"started"' in path.read_text() for path in out.glob(f"journal/*.slurm-7_3_0-r{life}.jsonl"))


def test_it_works_and_then_there_is_nothing_to_do(make_list: MakeList, tmp_path: Path) -> None:
    planned(make_list(6), tmp_path / "out")
    assert ended(task(tmp_path / "out"))[0] == 0
    assert len(records(tmp_path / "out")) == 6
    code, said = ended(task(tmp_path / "out", restart=1))
    assert code == 0 and "nothing to do" in said
    assert [life["worker"] for life in lives(tmp_path / "out")] == ["slurm-7_3_0-r0"], "no models for an empty run"


def test_a_worker_that_fails_three_times_without_an_item_stays_down(make_list: MakeList, tmp_path: Path) -> None:
    planned(make_list(6), tmp_path / "out", "trouble.needs=a_library_that_is_not_there")
    code, said = ended(task(tmp_path / "out"))
    assert code == 1 and "3 times in a row" in said and "stays down" in said
    assert [life["worker"][-4:] for life in lives(tmp_path / "out")] == ["0-r0", "r0.1", "r0.2"]
    assert all("a_library_that_is_not_there" in life["reason"] for life in lives(tmp_path / "out"))


def test_a_worker_that_crashes_is_started_again_as_long_as_it_gets_on(make_list: MakeList, tmp_path: Path) -> None:
    planned(make_list(12), tmp_path / "out", "trouble.abort=0005", "work.batch=4")
    code, said = ended(task(tmp_path / "out"))
    assert code == 0, said
    assert len(records(tmp_path / "out")) == 11
    crashed = [life for life in lives(tmp_path / "out") if life["state"] == "failed"]
    assert len(crashed) == 3 and all("SIGABRT" in life["reason"] for life in crashed)


def test_a_worker_that_freezes_is_ended_and_started_again(make_list: MakeList, tmp_path: Path) -> None:
    out, gate = tmp_path / "out", tmp_path / "gate"
    planned(make_list(12), out, f"trouble.until={gate}", "trouble.after=4", "work.batch=2")
    process = task(out)
    wait_for(lambda: len(records(out)) == 4)
    (first,) = lives(out)
    os.kill(first["pid"], signal.SIGSTOP)
    gate.touch()
    os.utime(out / "workers" / f"{first['worker']}.json", (time.time() - STALE_AFTER - 5,) * 2)
    code, said = ended(process)
    assert code == 0 and len(records(out)) == 12, said
    first, second = lives(out)
    silent = re.search(r"by its task, having said nothing for (\d+) s", first["reason"])
    assert first["state"] == "failed" and silent is not None and int(silent[1]) >= STALE_AFTER, first["reason"]
    assert second["state"] == "finished" and second["worker"].endswith("-r0.1")


def test_a_run_folder_that_is_moved_away_is_not_made_anew_at_its_old_place(make_list: MakeList, tmp_path: Path) -> None:
    out, moved, gate = tmp_path / "out", tmp_path / "moved", tmp_path / "gate"
    planned(make_list(24), out, f"trouble.until={gate}", "trouble.after=4", "work.batch=2", "shard_size=6")
    process = task(out)
    wait_for(lambda: len(records(out)) >= 2)
    out.rename(moved)
    gate.touch()
    code, said = ended(process)
    assert code == 1 and f"{out} is gone. Was the run folder moved?" in said and "Traceback" not in said, said
    assert not out.exists()
    assert ended(task(moved, restart=1))[0] == 0
    assert len(records(moved)) == 24


def test_a_signal_stops_it_and_another_life_goes_on(make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    planned(make_list(30), out, "trouble.seconds=0.1", "work.batch=2")
    first = task(out)
    wait_for(lambda: len(records(out)) >= 4)
    first.send_signal(signal.SIGUSR2)
    assert ended(first)[0] == 75
    assert lives(out)[0]["reason"] == "SIGUSR2" and len(records(out)) < 30
    assert ended(task(out, restart=1))[0] == 0 and len(records(out)) == 30


def test_a_time_limit_too_short_for_one_item_ends_after_three_lives(make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    planned(make_list(6), out, "trouble.seconds=1", "work.batch=6")
    codes = []
    for life in range(3):
        process = task(out, restart=life)
        wait_for(partial(started, out, str(life)))
        process.send_signal(signal.SIGUSR2)
        os.kill(worker_of(process.pid), signal.SIGKILL)  # the limit itself: nothing of the batch is saved
        code, said = ended(process)
        codes.append(code)
    assert codes == [75, 75, 1] and "raise cluster.time" in said


def test_preemption_counts_for_nothing(make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    planned(make_list(6), out, "trouble.seconds=1", "work.batch=6")
    for life in range(4):
        process = task(out, restart=life)
        wait_for(partial(started, out, str(life)))
        worker = worker_of(process.pid)
        process.kill()
        os.kill(worker, signal.SIGKILL)
        process.communicate()
    process = task(out, restart=4)
    wait_for(lambda: any(life["worker"].endswith("r4") for life in lives(out)))
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == 75


def worker_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


@pytest.mark.parametrize(
    ("seen", "local", "own"),
    [("0,1", "0", "0"), ("0,1", "1", "1"), ("4,5,7", "2", "7"), ("0,1", "3", "1"), ("GPU-aa,GPU-bb", "1", "GPU-bb")],
)
def test_each_task_of_a_node_takes_its_own_gpu(seen: str, local: str, own: str) -> None:
    assert gpus_of_this_task({"CUDA_VISIBLE_DEVICES": seen, "SLURM_LOCALID": local}) == {"CUDA_VISIBLE_DEVICES": own}


@pytest.mark.parametrize(("local", "own"), [("0", "0,1"), ("1", "2,3"), ("2", "0,1")])
def test_each_task_of_a_node_takes_its_own_pair_of_gpus(local: str, own: str) -> None:
    seen = {"CUDA_VISIBLE_DEVICES": "0,1,2,3,4", "SLURM_LOCALID": local}
    assert gpus_of_this_task(seen, 2) == {"CUDA_VISIBLE_DEVICES": own}


def test_a_gpu_that_slurm_bound_stays() -> None:
    assert gpus_of_this_task({"CUDA_VISIBLE_DEVICES": "3", "SLURM_LOCALID": "1"}) == {}
    assert gpus_of_this_task({"SLURM_LOCALID": "1"}) == {}
