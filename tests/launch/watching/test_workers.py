"""The speed and the time left of a run, from what its workers said; and their own counts, from their journals."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from labelyard.generate.run_folder.claims import Owner
from labelyard.generate.run_folder.journal import Journal
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.worker.tally import Tally
from labelyard.launch.status import Looking
from labelyard.launch.watching.overview import table
from labelyard.launch.watching.progress import Watch
from labelyard.launch.watching.workers import SILENT_AFTER, WorkerSeen, images_per_second
from tests.conftest import crops
from tests.generate.worker.test_tally import Clock, batches
from tests.launch.made import make_run


def worker(rate: float | None, state: str = "working", silent: bool = False) -> WorkerSeen:
    return WorkerSeen("a", "h", 1, False, "", "", state, "", 0, 0, rate, None, silent, 0.0, 0.0)


def test_only_who_works_now_counts() -> None:
    """Neither yesterday's workers, nor one that was preempted, failed, or is not heard of any more."""
    gone = [worker(9.0, state) for state in ("finished", "stopped", "failed", "vanished")]
    assert images_per_second([*gone, worker(9.0, silent=True)]) is None
    assert images_per_second([*gone, worker(0.5), worker(0.25)]) == 0.75
    assert images_per_second([]) is None


def test_unknown_until_a_first_batch_and_then_all_that_work_count() -> None:
    assert images_per_second([worker(None), worker(None)]) is None
    assert images_per_second([worker(0.5), worker(None), worker(None, "starting")]) == 1.0


def test_the_time_left_of_a_slow_machine_is_steady() -> None:
    """16 items in 4 minutes, two workers out of phase, the second preempted half way and back 10 minutes later."""
    lives = [(0.0, 7200.0), (100.0, 3500.0), (4100.0, 7200.0)]
    clock = Clock()
    zero, left = clock.now, 2000
    tallies: dict[tuple[float, float], Tally] = {}
    ends = {life: iter(batches(40, 240.0, begin=life[0])) for life in lives}
    pending = {life: next(ends[life]) for life in lives}
    forecasts = []
    for second in range(0, 7000):
        now = []
        for life in lives:
            if life[0] <= second < life[1]:
                clock.now = zero + max(second, life[0])
                tally = tallies.setdefault(life, Tally(clock))
                while pending[life] <= second:
                    clock.now = zero + pending[life]
                    tally.count(done=True)
                    pending[life], left = next(ends[life]), left - 1
                clock.now = zero + second
                now.append(worker(tally.per_second()))
        rate = images_per_second(now)
        alone = 3500 <= second < 4100
        assert (rate is None) == (second < 243)
        if rate is not None:
            forecasts.append((alone, left / rate, left))
    for group in (True, False):
        rates = [at_rest / seconds for alone, seconds, at_rest in forecasts if alone == group]
        assert max(rates) / min(rates) < 1.1
    jumps = [abs(a[1] - b[1]) / b[1] for a, b in zip(forecasts[1:], forecasts[:-1], strict=True) if a[0] == b[0]]
    assert max(jumps) < 0.05


@pytest.fixture
def run(photos: dict[str, Image.Image], tmp_path: Path) -> RunFolder:
    pictures = [picture.convert("RGB") for picture in crops(photos, 6, 48)]
    return make_run(tmp_path / "run", pictures, 64, 64, open_shards=1)


def says(run: RunFolder, name: str, age: float = 0.0, **more: Any) -> None:
    state = asdict(Owner(name, "", "node-b", 7, "", "elsewhere"))
    state |= {"state": "working", "reason": "", "began": 1.0, "working_since": 2.0, "at": time.time() - age}
    path = run.workers / f"{name}.json"
    path.write_text(json.dumps({**state, "done": 0, "failed": 0, "rate": None, **more}))
    os.utime(path, (time.time() - age,) * 2)


def test_a_worker_s_count_is_what_its_journals_say_now(run: RunFolder) -> None:
    """Its heartbeat is from before they ended; worker names may hold dots."""
    says(run, "slurm-7_0_0-r0.1", age=30, done=5)
    journal = Journal(run.journal(0, "slurm-7_0_0-r0.1"))
    for n in range(32):
        journal.write("done", id=f"{n:016x}", file="label_x.json", bytes=1, instances=0)
    journal.write("quarantined", id="f" * 16, reason="x", step="tag", attempts=1)
    journal.close()
    seen = {worker.worker: worker for worker in Looking(run).look().workers}
    assert (seen["slurm-7_0_0-r0.1"].done, seen["slurm-7_0_0-r0.1"].quarantined) == (37, 1)
    assert seen["host-1-a"].done == 64, "it spoke after its last item"


def test_status_and_the_bar_have_the_same_speed_however_often_they_look(run: RunFolder) -> None:
    says(run, "b", rate=0.15)
    looking, watch = Looking(run), Watch(run)
    speeds = {looking.look().images_per_second for _ in range(3)} | {watch.look().rate for _ in range(3)}
    assert speeds == {0.4}
    assert looking.look().seconds_left == pytest.approx(1 / 0.4, abs=1)


def test_before_the_first_batch_it_says_that_it_does_not_know(run: RunFolder) -> None:
    (run.workers / "host-1-a.json").unlink()
    says(run, "b")
    seen = Looking(run).look()
    assert seen.images_per_second is None and seen.seconds_left is None
    assert "not known yet" in table(seen) and "?/s" in table(seen)


def test_a_frozen_worker_is_named_with_what_ends_it_and_counts_no_more(run: RunFolder) -> None:
    (run.workers / "host-1-a.json").unlink()
    says(run, "b", age=SILENT_AFTER + 5, rate=0.1)
    seen = Looking(run).look()
    assert seen.seconds_left is None
    assert "silent for 85 s; if it is frozen: kill -9 7, on node-b" in table(seen)
    slurm = {"SLURM_JOB_ID": "12", "SLURM_ARRAY_JOB_ID": "11", "SLURM_ARRAY_TASK_ID": "3", "SLURMD_NODENAME": "n1"}
    says(run, "b", rate=0.1, overdue=1500.0, slurm=slurm)
    assert "on n1   no image for 25 min; if it is frozen: scontrol requeue 11_3" in table(Looking(run).look())
