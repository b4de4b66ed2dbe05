"""What `status` says, from the run folder alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from labelyard.launch.slurm.jobs_overview import Failed, Held, JobsSeen, MergeJob
from labelyard.launch.watching.overview import as_json, overview
from tests.conftest import MakeList, call, command, crops, environment, fake_run, records
from tests.launch.made import make_run
from tests.support.processes import family, wait_for

KEYS = [
    "run", "items", "done", "quarantined", "pending", "gone", "duplicates", "instances", "shards", "images_per_second",
    "seconds_left", "workers", "used", "reasons", "spent", "bound_by", "latest_failures",
]  # fmt: skip
KEYS_OF_A_WORKER = [
    "worker", "host", "pid", "here", "node", "job", "state", "reason", "done", "quarantined", "rate", "overdue",
    "silent", "said_at", "seconds_since",
]  # fmt: skip


def status(run: Path) -> dict[str, Any]:
    done = call("status", run, "--json")
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_while_it_runs_and_when_its_worker_is_killed(make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    gate = ("trouble.after=14", f"trouble.until={tmp_path / 'gate'}")
    arguments = fake_run(make_list(80), out, "cluster.num_jobs=1", "work.batch=2", *gate)
    with subprocess.Popen(command("run", *arguments), env=environment(), start_new_session=True) as run:
        wait_for(lambda: len(records(out)) >= 10)
        seen = status(out)
        assert seen["items"] == 80 and 10 <= seen["done"] <= 14 and seen["pending"] == 80 - seen["done"]
        assert [worker["state"] for worker in seen["workers"]] == ["working"]
        wait_for(lambda: status(out)["done"] == 14)
        at_the_gate = status(out)
        for pid in family(run.pid):
            os.kill(pid, signal.SIGKILL)
    assert at_the_gate["workers"][0]["done"] == 14, "its own count is as young as its journals"
    seen = status(out)
    assert [worker["state"] for worker in seen["workers"]] == ["vanished"]
    assert seen["done"] == len(records(out)) or seen["done"] == len(records(out)) - 1, "one may lack its journal line"
    assert "1 vanished" in call("status", out).stdout


def test_failures_are_grouped_by_reason_most_frequent_first(make_list: MakeList, tmp_path: Path) -> None:
    train, out = make_list(12), tmp_path / "out"
    entries = json.loads(train.read_text())
    for number in (1, 4, 7):
        Path(entries[number]["image"]).unlink()
    train.write_text(json.dumps(entries))
    call("run", *fake_run(train, out, "trouble.reject=0009"))
    seen = status(out)
    assert [(entry["reason"], entry["items"]) for entry in seen["reasons"]] == [
        ("load: no such file", 3),
        ("trouble: rejected, as asked", 1),
    ]
    assert "0001.jpg" in seen["reasons"][0]["example"]


def test_the_json_has_these_keys_in_this_order(photos: dict[str, Image.Image], tmp_path: Path) -> None:
    """Programs of others read them: what is added comes beside them, and none of them goes or changes its name."""
    pictures = [picture.convert("RGB") for picture in crops(photos, 2, 48)]
    run = make_run(tmp_path / "run", pictures, 8, 4, failing=(1,))
    seen = status(run.path)
    assert list(seen) == KEYS
    assert seen["shards"] == {"all": 2, "finished": 2, "begun": 0}
    assert [list(worker) for worker in seen["workers"]] == [KEYS_OF_A_WORKER]
    assert [list(reason) for reason in seen["reasons"]] == [["reason", "items", "example"]]
    assert [list(failure) for failure in seen["latest_failures"]] == [["at", "image", "step", "reason"]]
    jobs = JobsSeen(
        True, {}, {"failed": 1}, {}, {"n1": {"failed": 1}}, [], [Held("5_0", 1, "PENDING", "")],
        [Failed("5_1", "n1", "FAILED", "x")], [MergeJob("6", "pending")],
    )  # fmt: skip
    more = as_json(replace(overview(run), gpu_peak_bytes=5, slurm=jobs))
    assert list(more) == [*KEYS, "gpu_peak_bytes", "slurm"]
    assert json.loads(json.dumps(more["slurm"])) == {
        "reachable": True,
        "troubles": {},
        "states": {"failed": 1},
        "pending_because": {},
        "nodes": {"n1": {"failed": 1}},
        "bad_nodes": [],
        "held": [{"job": "5_0", "tasks": 1, "state": "PENDING", "reason": ""}],
        "failed": [{"job": "5_1", "nodes": "n1", "state": "FAILED", "reason": "x"}],
        "merge": [{"job": "6", "state": "pending"}],
    }


def test_no_run_folder(tmp_path: Path) -> None:
    done = call("status", tmp_path / "nothing")
    assert done.returncode == 1 and "is not there" in done.stderr and "Traceback" not in done.stderr
