"""Records that were finished and are gone, torn or changed since: who sees it, and who makes them again."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

import labelyard.launch.retry
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.plan import Plan
from labelyard.launch.merging.merge import merge
from labelyard.launch.retry import put_back_what_is_gone
from labelyard.launch.validate import main as validate
from labelyard.launch.validating.findings import Findings
from labelyard.launch.watching.overview import overview, table
from tests.conftest import MakeList, call, fake_run, listed, records
from tests.launch.made import make_run


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """24 items in three shards, all done; the last shard has no manifest, and one item less."""
    folder = make_run(tmp_path / "run", [Image.new("RGB", (40, 30))], sides=False, failing=(5,), open_shards=1)
    merge(folder)
    return folder


def told(folder: RunFolder, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    code = validate([str(folder.path)])
    said = capsys.readouterr().out
    assert (code == 0) == ("no problems found" in said)
    return said


def test_validate_misses_what_manifests_and_journals_call_done(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "22 records checked, no problems found" in told(run, capsys)
    paths = records(run.path)
    paths[0].unlink()  # of a finished shard
    paths[-1].unlink()  # of one that only its journal knows
    os.truncate(paths[1], 9)
    said = told(run, capsys)
    assert f"{paths[0]}: was finished: it is gone   (2 like this)" in said
    assert f"{paths[1]}: was finished: it has 9 bytes of " in said
    assert "made again: python launch/retry.py" in said and "22 records checked" in said
    shutil.rmtree(run.path / "records")
    said = told(run, capsys)
    assert "(22 like this)" in said and len(said.splitlines()) < 6, "one line, however many"
    merge(run)
    assert "(22 like this)" in told(run, capsys), "also where the list has been made anew"


def test_after_a_new_merge_the_list_is_not_blamed_for_what_is_gone(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    victims = records(run.path)[:2]
    victims[0].unlink()
    os.truncate(victims[1], 9)
    assert "2 lines are not finished records of this run (or no more)" in told(run, capsys)
    merge(run)
    said = told(run, capsys)
    assert "merge again" not in said and "lines are not" not in said and "2 problems found" in said


def test_validate_counts_what_was_planned(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    entry = run.read_plan().passes[0]
    run.write_plan(Plan((type(entry)(**{**vars(entry), "items": 300, "shards": 0, "shard_size": -1}),)))
    assert "plan.json: has 300 items, and shards for 0 of them" in told(run, capsys)
    run.write_plan(Plan((entry,)))
    assert "no problems found" in told(run, capsys)
    first, second = run.shard(0).read_bytes(), run.manifest(1).read_bytes()
    run.shard(0).write_bytes(first[: first.rindex(b"\n", 0, -1) + 1])
    run.manifest(1).write_bytes(run.manifest(0).read_bytes())
    said = told(run, capsys)
    assert "00000.jsonl: holds 7 items, and the plan has 8 there" in said
    assert "00001.jsonl: is not of its shard's items" in said
    run.shard(0).write_bytes(first)
    run.manifest(1).write_bytes(second)
    run.shard(1).unlink()
    assert "00001.jsonl: is gone, and with it which items it holds" in told(run, capsys)


def test_status_sees_what_is_gone_by_a_glance_at_each_shard(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    names = RunFolder.record_names

    def watched(self: RunFolder, number: int) -> set[str]:
        asked.append(number)
        return names(self, number)

    monkeypatch.setattr(RunFolder, "record_names", watched)
    seen = overview(run)
    assert (seen.done, seen.quarantined, seen.pending, seen.gone) == (22, 1, 1, 0)
    assert asked == [], "nothing has come or gone: no folder of a finished shard is listed"
    assert "\ngone " not in table(seen)
    for path in records(run.path)[:3]:
        path.unlink()
    seen = overview(run)
    assert (seen.done, seen.pending, seen.gone) == (19, 4, 3) and asked == [0]
    assert "gone         3 of the pending were finished" in table(seen)
    shutil.rmtree(run.path / "records")
    seen = overview(run)
    assert (seen.done, seen.quarantined, seen.pending, seen.gone) == (0, 1, 23, 15)


def test_the_same_command_makes_again_what_is_gone(make_list: MakeList, tmp_path: Path) -> None:
    arguments = fake_run(make_list(30), tmp_path / "out", "cluster.num_jobs=1")
    assert call("run", *arguments).returncode == 0
    before = {path: path.stat().st_mtime_ns for path in records(tmp_path / "out")}
    whole = {path: path.read_bytes() for path in before}
    victims = [*before][3:5]
    for path in victims:
        path.unlink()
    again = call("run", *arguments)
    assert again.returncode == 0 and "2 finished records gone or torn since: made again" in again.stdout, again.stderr
    assert {path: path.read_bytes() for path in records(tmp_path / "out")} == whole
    assert {path for path in before if path.stat().st_mtime_ns != before[path]} == set(victims)
    assert len(listed(tmp_path / "out")) == 30
    assert "made again" not in call("run", *arguments).stdout
    checked = call("validate", tmp_path / "out")
    assert checked.returncode == 0, checked.stdout


def test_where_much_is_gone_it_is_told_and_left(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labelyard.launch.retry, "FEW", 2)
    for path in records(run.path)[:3]:
        path.unlink()
    assert put_back_what_is_gone(run) == (0, 3) and run.finished() == {0, 1}
    monkeypatch.setattr(labelyard.launch.retry, "FEW", 3)
    assert put_back_what_is_gone(run) == (3, 0) and run.finished() == {1}
    assert put_back_what_is_gone(run) == (0, 0)


def test_equal_findings_are_one_line(tmp_path: Path) -> None:
    findings = Findings()
    for n in range(300):
        for anno in range(2):
            findings.add(f"/run/{n}.json", f"annos[{anno}]: text_embedding_before is absent: the trainer needs it")
    findings.add("/run/7.json", "has the id of another, 00af00af00af00af")
    findings.add("/run/8.json", "has the id of another, ffffffff00af00ff")
    assert findings.number == 602
    assert list(findings.lines(100)) == [
        "/run/0.json: annos[0]: text_embedding_before is absent: the trainer needs it   (600 like this, in 300 files)",
        "/run/7.json: has the id of another, 00af00af00af00af   (2 like this)",
    ]
    assert list(findings.lines(1))[1:] == ["and 2 more of other kinds"]


def test_a_run_without_embeddings_is_told_in_one_line_with_what_adds_them(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in records(run.path):
        body = json.loads(path.read_bytes())
        for entry in body["annos"]:
            entry.pop("text_embedding_before", None)
        size = path.stat().st_size
        text = json.dumps(body, separators=(",", ":")).encode()
        path.write_bytes(text + b" " * (size - len(text) - 1) + b"\n")
    said = told(run, capsys)
    assert "text_embedding_before" not in said and "no problems found" in said
    assert "No step of this run makes embeddings;" in said and "pipeline.steps=[embed]" in said
