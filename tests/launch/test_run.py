"""A run as a user makes it: real processes, real signals, real pictures; only the models are left out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

from tests.conftest import MakeList, call, command, environment, fake_run, listed, records
from tests.support.processes import family, wait_for


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def test_every_item_becomes_a_record_in_input_order(make_list: MakeList, tmp_path: Path) -> None:
    train = make_list(30)
    done = call("run", *fake_run(train, tmp_path / "out", "cluster.num_jobs=2"))
    assert done.returncode == 0, done.stderr
    assert "30 of 30 items are done" in done.stdout
    assert [read(Path(path))["caption"] for path in listed(tmp_path / "out")] == [
        f"picture number {n}" for n in range(30)
    ]
    assert len({read(path)["data_id"] for path in records(tmp_path / "out")}) == 30
    checked = call("validate", tmp_path / "out")
    assert checked.returncode == 0 and "30 records checked, no problems found" in checked.stdout


def test_killed_half_way_it_goes_on_and_writes_nothing_twice(make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    gate = ("trouble.after=28", f"trouble.until={tmp_path / 'gate'}")  # for each of the two
    arguments = fake_run(make_list(120), out, "cluster.num_jobs=2", "work.batch=4", *gate)
    with subprocess.Popen(command("run", *arguments), env=environment(), start_new_session=True) as run:
        wait_for(lambda: len(records(out)) >= 40)
        for pid in family(run.pid):
            os.kill(pid, signal.SIGKILL)
    before = {path: path.stat().st_mtime_ns for path in records(out)}
    assert 40 <= len(before) <= 56
    (tmp_path / "gate").touch()
    again = call("run", *arguments)
    assert again.returncode == 0, again.stderr
    assert len(records(out)) == 120
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(set(listed(out))) == 120
    assert not list(out.rglob("*.tmp")), "the second run leaves no torn files of the first"


def test_ctrl_c_stops_it_and_the_same_command_goes_on(make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = fake_run(make_list(60), out, "cluster.num_jobs=2", "work.batch=4", "trouble.seconds=0.05")
    with subprocess.Popen(command("run", *arguments), env=environment(), stderr=subprocess.PIPE, text=True) as run:
        wait_for(lambda: len(records(out)) >= 8)
        workers = [pid for pid in family(run.pid) if pid != run.pid]
        run.send_signal(signal.SIGINT)
        errors = run.communicate(timeout=60)[1]
    assert run.returncode == 130
    assert "same command goes on" in errors
    assert len(workers) == 2 and not any(Path(f"/proc/{pid}").exists() for pid in workers)
    assert not list((out / "claims").iterdir()), "claims are freed, so nobody has to wait for them"
    assert call("run", *arguments).returncode == 0
    assert len(listed(out)) == 60


def test_workers_end_when_the_program_that_started_them_is_killed(make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = fake_run(make_list(200), out, "cluster.num_jobs=1", "work.batch=2", "trouble.seconds=0.05")
    with subprocess.Popen(command("run", *arguments), env=environment()) as run:
        wait_for(lambda: len(records(out)) >= 4)
        workers = [pid for pid in family(run.pid) if pid != run.pid]
        run.kill()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
    assert len(records(out)) < 200


def test_bad_images_are_quarantined_with_reasons_and_the_rest_goes_on(make_list: MakeList, tmp_path: Path) -> None:
    train = make_list(20)
    entries = json.loads(train.read_text())
    (tmp_path / "page.jpg").write_text("<!DOCTYPE html><html><body>404</body></html>")
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "cut.jpg").write_bytes(Path(entries[0]["image"]).read_bytes()[:500])
    bad = {"page.jpg": "an HTML page", "empty.jpg": "empty", "cut.jpg": "damaged", "absent.jpg": "no such file"}
    for number, name in enumerate(bad):
        entries.insert(3 * number, {"image": str(tmp_path / name), "caption": "bad"})
    train.write_text(json.dumps(entries))
    out = tmp_path / "out"
    done = call("run", *fake_run(train, out))
    assert done.returncode == 3
    assert "20 of 24 items are done" in done.stdout and "4 quarantined" in done.stdout
    found = [json.loads(line) for line in (out / "quarantine.jsonl").read_text().splitlines()]
    assert {Path(entry["image"]).name for entry in found} == set(bad)
    for entry in found:
        assert bad[Path(entry["image"]).name] in entry["reason"]
    assert len(listed(out)) == 20


def test_a_step_that_fails_for_one_item_costs_that_item_only(make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = call("run", *fake_run(make_list(20), out, "trouble.fail=0007", "trouble.reject=0013"))
    assert done.returncode == 3
    reasons = {e["image"][-8:-4]: e["reason"] for e in map(json.loads, (out / "quarantine.jsonl").open())}
    assert reasons["0007"].startswith("RuntimeError: no way to handle")
    assert reasons["0013"] == "rejected, as asked"
    assert len(reasons) == 2 and len(listed(out)) == 18


def test_an_item_that_kills_its_workers_is_set_apart(make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = call("run", *fake_run(make_list(40), out, "cluster.num_jobs=2", "work.batch=8", "trouble.abort=0017"))
    assert done.returncode == 3, done.stderr
    (entry,) = map(json.loads, (out / "quarantine.jsonl").open())
    assert entry["image"].endswith("0017.jpg") and entry["attempts"] == 3
    assert len(listed(out)) == 39


def test_an_item_that_breaks_the_gpu_costs_that_item_only(make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = call("run", *fake_run(make_list(40), out, "cluster.num_jobs=1", "work.batch=8", "trouble.break_gpu=0017"))
    assert done.returncode == 3, done.stderr
    (entry,) = map(json.loads, (out / "quarantine.jsonl").open())
    assert entry["image"].endswith("0017.jpg") and len(listed(out)) == 39


def test_when_every_item_fails_it_stops_early_and_marks_nothing(make_list: MakeList, tmp_path: Path) -> None:
    train = make_list(1)
    entries = [{"image": f"not/there/{n}.jpg", "caption": ""} for n in range(600)]
    train.write_text(json.dumps(entries))
    out = tmp_path / "out"
    done = call("run", *fake_run(train, out, f"source.root={tmp_path}"))
    assert done.returncode == 1
    assert "no such file" in done.stderr and "work.max_failure_rate" in done.stderr
    assert (out / "quarantine.jsonl").read_text() == ""
    (tmp_path / "not" / "there").mkdir(parents=True)
    picture = (tmp_path / "pictures" / "0000.jpg").read_bytes()
    for entry in entries:
        (tmp_path / entry["image"]).write_bytes(picture)
    again = call("run", *fake_run(train, out, f"source.root={tmp_path}"))
    assert again.returncode == 0 and len(listed(out)) == 600


def test_a_failing_setup_is_told_once_and_nothing_is_marked(make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = call("run", *fake_run(make_list(8), out, "cluster.num_jobs=2", "trouble.setup_fails=true"))
    assert done.returncode == 1
    assert done.stderr.count("trouble.setup_fails=true: as asked") == 1
    assert (out / "quarantine.jsonl").read_text() == "" and len((out / "missing.jsonl").read_text().splitlines()) == 8


def test_dry_run_writes_nothing(make_list: MakeList, tmp_path: Path) -> None:
    train = make_list(9)
    work = tmp_path / "elsewhere"
    work.mkdir()
    before = sorted(tmp_path.rglob("*"))
    done = call("run", *fake_run(train, tmp_path / "out", "dry_run=true", "limit=7"), cwd=work)
    assert done.returncode == 0, done.stderr
    assert "7 new of 7 rows" in done.stdout and "trouble -> tag -> ground" in done.stdout
    assert sorted(tmp_path.rglob("*")) == before


def test_no_stray_files_where_it_is_called(make_list: MakeList, tmp_path: Path) -> None:
    work = tmp_path / "elsewhere"
    work.mkdir()
    done = call("run", *fake_run(make_list(4), tmp_path / "out"), cwd=work)
    assert done.returncode == 0 and not list(work.iterdir())
    (record,) = (tmp_path / "out" / "hydra").iterdir()
    assert {"config.yaml", "hydra.yaml", "overrides.yaml"} <= {path.name for path in record.iterdir()}


def test_another_configuration_is_refused_with_the_difference(make_list: MakeList, tmp_path: Path) -> None:
    train, out = make_list(6), tmp_path / "out"
    assert call("run", *fake_run(train, out, "limit=3")).returncode == 0
    refused = call("run", *fake_run(train, out, "ground.box_threshold=0.5"))
    assert refused.returncode == 1
    assert "ground.box_threshold: 0.25 in the run, 0.5 now" in refused.stderr and "Traceback" not in refused.stderr
    assert len(listed(out)) == 3
    other_pace = call("run", *fake_run(train, out, "work.batch=2", "trouble.seconds=0.001"))
    assert other_pace.returncode == 0 and len(listed(out)) == 6, "what only changes the pace is no other data"


def test_a_longer_list_only_adds(make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert call("run", *fake_run(make_list(10), out)).returncode == 0
    before = {path: path.stat().st_mtime_ns for path in records(out)}
    done = call("run", *fake_run(make_list(16), out))
    assert done.returncode == 0 and "6 new items" in done.stdout and "10 were planned before" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert [read(Path(path))["data_id"] for path in listed(out)] == list(range(16))


def test_the_same_item_twice_is_processed_once_and_counted(make_list: MakeList, tmp_path: Path) -> None:
    train, out = make_list(6), tmp_path / "out"
    entries = json.loads(train.read_text())
    other = tmp_path / "other"
    other.mkdir()
    (other / "0000.jpg").write_bytes(Path(entries[1]["image"]).read_bytes())
    again = [*entries, entries[2], entries[3], {"image": str(other / "0000.jpg"), "caption": "the same basename"}]
    train.write_text(json.dumps(again))
    done = call("run", *fake_run(train, out))
    assert done.returncode == 0 and "2 duplicates" in done.stdout
    assert len(listed(out)) == 7
    assert sum(Path(path).name.startswith("label_0000-") for path in listed(out)) == 2


def test_started_twice_at_once_there_is_one_plan(make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = fake_run(make_list(60), out, "cluster.num_jobs=1", "trouble.seconds=0.01")
    both = [subprocess.Popen(command("run", *arguments), env=environment()) for _ in range(2)]
    codes = [process.wait(timeout=120) for process in both]
    # The one that ends first may find the other at work on the last shards, and says that something is pending.
    assert 0 in codes and set(codes) <= {0, 3}
    assert len(read(out / "plan.json")["passes"]) == 1
    assert call("jsons2txt", out).returncode == 0 and len(set(listed(out))) == 60


def test_who_finds_others_at_work_on_the_rest_says_so(make_list: MakeList, tmp_path: Path) -> None:
    out, gate = tmp_path / "out", tmp_path / "gate"
    arguments = fake_run(make_list(20), out, "cluster.num_jobs=1", "shard_size=2", "work.batch=2")
    first = subprocess.Popen(command("run", *arguments, f"trouble.until={gate}"), env=environment())
    wait_for(lambda: any((out / "claims").glob("0*")))
    second = call("run", *arguments)
    assert second.returncode == 3, second.stderr
    holders = {read(path)["pid"] for path in (out / "claims").glob("0*")}
    assert f"1 other worker on {len(list((out / 'claims').glob('0*')))} unfinished shard" in second.stdout
    assert [f"process {pid} on " in second.stdout for pid in holders] == [True]
    assert "python launch/jsons2txt.py" in second.stdout and "run the same command" not in second.stdout
    gate.touch()
    assert first.wait(timeout=120) == 0 and len(listed(out)) == 20


def test_plan_only_and_debug(make_list: MakeList, tmp_path: Path) -> None:
    train, out = make_list(8), tmp_path / "out"
    planned = call("run", *fake_run(train, out, "plan_only=true"))
    assert planned.returncode == 0 and not records(out)
    assert sum(1 for path in (out / "shards").iterdir() for _ in path.open()) == 8
    broken = call("run", *fake_run(train, out, "cluster=debug", "trouble.break_gpu=0005"))
    assert broken.returncode == 1, "also if the GPU breaks it could not be done: nobody starts a worker again here"
    assert "the GPU failed" in broken.stderr
    done = call("run", *fake_run(train, out, "cluster=debug"))
    assert done.returncode == 0 and len(listed(out)) == 8


def test_what_the_user_gave_passes_through(make_list: MakeList, tmp_path: Path) -> None:
    train, out = make_list(2), tmp_path / "out"
    entries = json.loads(train.read_text())
    entries[0] |= {"similarity": 0.31, "url": "http://a.example/b?c=d", "width": 99, "nested": {"a": [1, None]}}
    train.write_text(json.dumps(entries))
    assert call("run", *fake_run(train, out)).returncode == 0
    record = read(Path(listed(out)[0]))
    assert record["similarity"] == 0.31 and record["nested"] == {"a": [1, None]}
    assert record["given"] == {"width": 99}, "a name that the record needs itself"


def test_staged_and_fused_make_the_same_records(make_list: MakeList, tmp_path: Path) -> None:
    train = make_list(20)
    for schedule in ("fused", "staged"):
        done = call("run", *fake_run(train, tmp_path / schedule, f"work.schedule={schedule}", "work.staged_batch=7"))
        assert done.returncode == 0, done.stderr
    fused, staged = (records(tmp_path / schedule) for schedule in ("fused", "staged"))
    assert [path.name for path in fused] == [path.name for path in staged]
    assert [path.read_bytes() for path in fused] == [path.read_bytes() for path in staged]
