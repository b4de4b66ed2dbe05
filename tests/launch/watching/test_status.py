"""What `status` says, from the run folder alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

from tests.conftest import MakeList, call, command, environment, fake_run, records
from tests.launch.test_run import family, wait_for


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


def test_no_run_folder(tmp_path: Path) -> None:
    done = call("status", tmp_path / "nothing")
    assert done.returncode == 1 and "is not there" in done.stderr and "Traceback" not in done.stderr
