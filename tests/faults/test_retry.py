"""launch/retry.py: quarantined items are pending again, whatever is going on."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from pathlib import Path

from tests.conftest import MakeList, call, listed, records
from tests.faults.outcome import check_at_any_time, outcome
from tests.faults.support import lines, merge, plan, work, worker
from tests.support.processes import wait_for


def broken(train: Path, away: Sequence[int] = (2, 9, 17)) -> list[Path]:
    """Some pictures are away, and one is a page."""
    pictures = [Path(entry["image"]) for entry in json.loads(train.read_text())]
    for number in away:
        pictures[number].rename(pictures[number].with_suffix(".away"))
    pictures[11].with_suffix(".away").write_bytes(pictures[11].read_bytes())
    pictures[11].write_text("<html>404</html>")
    return [pictures[number] for number in (*away, 11)]


def mended(paths: list[Path]) -> None:
    for path in paths:
        path.with_suffix(".away").replace(path)


def test_all_of_them_and_the_outcome_is_that_of_a_clean_run(make_list: MakeList, tmp_path: Path) -> None:
    train, out, clean = make_list(20), tmp_path / "out", tmp_path / "clean"
    plan(train, clean)
    work(clean)
    merge(clean)
    away = broken(train)
    plan(train, out)
    work(out)
    assert merge(out)[1]["quarantined"] == 4
    kept = {path: path.stat().st_mtime_ns for path in records(out)}
    mended(away)
    dry = call("retry", out, "--dry-run")
    assert dry.returncode == 0 and "Nothing was changed" in dry.stdout
    assert check_at_any_time(out, tmp_path) == {"done": 16, "quarantined": 4, "pending": 0}
    done = call("retry", out)
    assert done.returncode == 0 and "4 items in 3 shards are pending again" in done.stdout
    assert check_at_any_time(out, tmp_path) == {"done": 16, "quarantined": 0, "pending": 4}
    seen = json.loads(call("status", out, "--json").stdout)
    assert (seen["done"], seen["quarantined"], seen["pending"], seen["reasons"]) == (16, 0, 4, [])
    assert work(out)[0] == 0 and merge(out)[0] == 0
    assert outcome(out) == outcome(clean)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept, "what was done is not done again"
    assert "Nothing is quarantined" in call("retry", out).stdout


def test_only_those_with_a_reason(make_list: MakeList, tmp_path: Path) -> None:
    train, out = make_list(20), tmp_path / "out"
    mend = broken(train)
    plan(train, out)
    work(out)
    none = call("retry", out, "--reason", "no such reason")
    assert none.returncode == 1 and "load: no such file (3); load: not an image (1)" in none.stderr
    assert call("retry", out, "--reason", "NOT AN IMAGE").returncode == 0
    assert check_at_any_time(out, tmp_path) == {"done": 16, "quarantined": 3, "pending": 1}
    mended(mend)
    assert work(out)[0] == 0
    assert check_at_any_time(out, tmp_path) == {"done": 17, "quarantined": 3, "pending": 0}


def test_again_and_again_it_fails_again_and_again(make_list: MakeList, tmp_path: Path) -> None:
    train, out = make_list(12), tmp_path / "out"
    plan(train, out, "trouble.reject=0004")
    for _ in range(4):
        assert work(out)[0] == 0
        assert check_at_any_time(out, tmp_path) == {"done": 11, "quarantined": 1, "pending": 0}
        assert call("retry", out).returncode == 0
        assert check_at_any_time(out, tmp_path) == {"done": 11, "quarantined": 0, "pending": 1}


def test_what_killed_its_workers_gets_all_its_attempts_anew(make_list: MakeList, tmp_path: Path) -> None:
    train, out = make_list(8), tmp_path / "out"
    plan(train, out, "trouble.abort=0003", "shard_size=8", "work.max_attempts=2")
    for _ in range(2):
        codes = [work(out)[0] for _ in range(3)]
        assert codes == [-signal.SIGABRT, -signal.SIGABRT, 0]
        merge(out)
        (entry,) = lines(out / "quarantine.jsonl")
        assert entry["attempts"] == 2
        assert call("retry", out).returncode == 0


def test_shards_in_the_hands_of_a_worker_are_left_and_named(make_list: MakeList, tmp_path: Path) -> None:
    train, out = make_list(40), tmp_path / "out"
    gate = ("trouble.after=12", f"trouble.until={tmp_path / 'gate'}")
    plan(train, out, "shard_size=40", "work.batch=2", "trouble.reject=0001", *gate)
    process = worker(out)
    wait_for(lambda: any(b"quarantined" in path.read_bytes() for path in (out / "journal").iterdir()))
    busy = call("retry", out)
    assert busy.returncode == 3 and "1 more are in shards that workers are on just now" in busy.stdout
    process.kill()
    process.communicate()
    (tmp_path / "gate").touch()
    assert call("retry", out).returncode == 0, "its claim is that of a dead process"
    assert check_at_any_time(out, tmp_path)["quarantined"] == 0
    assert work(out)[0] == 0 and check_at_any_time(out, tmp_path) == {"done": 39, "quarantined": 1, "pending": 0}


def test_a_living_worker_takes_what_is_put_back_into_a_finished_shard(make_list: MakeList, tmp_path: Path) -> None:
    train, out = make_list(40), tmp_path / "out"
    mend = broken(train, away=range(1, 40, 4))  # in every shard one, and in one of them two
    plan(train, out, "shard_size=4", "work.batch=4", "trouble.after=15", f"trouble.until={tmp_path / 'gate'}")
    process = worker(out)
    wait_for(lambda: len(list((out / "done").glob("0*"))) >= 3)
    mended(mend)
    retried = call("retry", out)
    assert retried.returncode in (0, 3), "3: more are in shards that it is on just now"
    (tmp_path / "gate").touch()
    assert process.wait(timeout=60) == 0
    process.communicate()
    states = check_at_any_time(out, tmp_path)
    put_back = int(retried.stdout.split(" items in ")[0].split()[-1])
    assert states["pending"] == 0 and put_back >= 3 and states["done"] >= 40 - len(mend) + put_back
    assert merge(out)[1]["done"] == len(set(listed(out)))
