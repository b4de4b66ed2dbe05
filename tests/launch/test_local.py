"""Workers as processes on this machine: what vanishes is started again, as long as it gets on."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import MakeList, call, fake_run, listed


def test_a_worker_that_gets_on_is_started_again_any_number_of_times(make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    settings = ("cluster.num_jobs=1", "work.batch=4", "trouble.abort=3.jpg")
    done = call("run", *fake_run(make_list(30), out, *settings))
    assert done.returncode == 3, done.stderr
    assert "vanished" not in done.stderr
    quarantined = (out / "quarantine.jsonl").read_text().splitlines()
    assert len(quarantined) == 3 and len(listed(out)) == 27
