"""Merges at the same time, merges to places that hold something else, and folders that have lost what they are."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import permutations
from pathlib import Path

import pytest
from PIL import Image

from labelyard.generate.record_json.check import trainer_problems
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.launch.jsons2txt import main as jsons2txt
from labelyard.launch.merging.merge import merge
from labelyard.launch.report.build import build
from labelyard.launch.report.subject import Subject
from labelyard.launch.retry import failed_for, retry
from labelyard.launch.starting.checks import check_output
from labelyard.utils.errors import UserError
from labelyard.utils.latest import Overtaken, latest, until_latest
from tests.conftest import command, environment
from tests.faults.outcome import temporaries_in
from tests.launch.made import make_run


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Of 24 items all are done; of the third shard there is no manifest yet."""
    return make_run(tmp_path / "run", [Image.new("RGB", (40, 30))], sides=False, open_shards=1)


def finish(folder: RunFolder) -> None:
    """The last shard's last item is done, too: made elsewhere, its record and journal are moved here."""
    whole = make_run(folder.path.parent / "whole", [Image.new("RGB", (40, 30))], sides=False)
    for path in [*whole.records_of(2).iterdir(), *whole.journals_of(2)]:
        path.replace(folder.path / path.relative_to(whole.path))


@contextmanager
def stopped(at: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A program that has stopped at a point of its own accord. After the block it goes on, to its end."""
    process = subprocess.Popen(
        command(*map(str, arguments)),
        env={**environment(), "LABELYARD_FAULT": f"{at}:STOP:once"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1]), "it came to its end"
        yield process
    except BaseException:
        process.kill()
        raise
    finally:
        os.kill(process.pid, signal.SIGCONT)
        process.said = process.communicate()[0]  # type: ignore[attr-defined]


def numbers(place: Path) -> tuple[int, int, int]:
    """What the list, the account of what is missing, and the sums say; they must be of one look."""
    sums = json.loads((place / "stats.json").read_text())
    listed = len((place / "train.txt").read_text().splitlines())
    missing = len((place / "missing.jsonl").read_text().splitlines())
    assert (sums["done"], sums["missing"]) == (listed, missing)
    return sums["items"], listed, missing


@pytest.mark.parametrize("at", ["write:1", "write:4", "rename:1", "rename:3", "renamed:3"])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_merge_that_was_slow_never_takes_the_place_of_a_later_look(run: RunFolder, at: str, elsewhere: bool) -> None:
    place = run.path.parent / "lists" if elsewhere else run.path
    with stopped(at, "jsons2txt", run.path, place / "train.txt") as slow:
        finish(run)
        assert merge(run, place / "train.txt").complete
        assert numbers(place) == (24, 24, 0)
    assert numbers(place) == (24, 24, 0)
    assert slow.returncode == 0 and "24 of 24 items are done" in slow.said  # type: ignore[attr-defined]
    assert temporaries_in(place) == []


def test_a_merge_that_looked_earlier_and_is_faster_is_followed_by_the_later_one(run: RunFolder) -> None:
    with stopped("rename:1", "jsons2txt", run.path):  # it has looked
        merge(run)
        assert numbers(run.path) == (24, 23, 1)
        finish(run)
    assert numbers(run.path) == (24, 24, 0), "overtaken, it looked again"


def test_a_merge_that_was_killed_keeps_nobody_from_merging(run: RunFolder) -> None:
    with stopped("rename:2", "jsons2txt", run.path) as killed:
        killed.kill()
    finish(run)
    assert merge(run).complete and numbers(run.path) == (24, 24, 0)
    assert temporaries_in(run.path) == []


def test_of_many_makers_the_one_who_began_to_look_last_has_the_word(tmp_path: Path) -> None:
    """In whatever order they end: each begins behind the one before, and is held at the end of its look."""
    for order in permutations(range(3)):
        target = tmp_path / "_".join(map(str, order)) / "list"
        target.parent.mkdir()
        makers = [latest(target) for _ in range(3)]
        for n, maker in enumerate(makers):
            (file,) = maker.__enter__()
            file.write(b"%d" % n)
        overtaken = []
        for n in order:
            try:
                makers[n].__exit__(None, None, None)
            except Overtaken:
                overtaken.append(n)
        assert target.read_bytes() == b"2"
        assert sorted(overtaken) == [n for n in (0, 1) if order.index(n) > min(order.index(m) for m in range(n + 1, 3))]
        assert [path.name for path in target.parent.iterdir()] == ["list"]


def test_other_files_of_one_folder_are_nobody_s_concern(tmp_path: Path) -> None:
    with latest(tmp_path / f"{'a' * 90}1.txt") as (first,):
        with latest(tmp_path / f"{'a' * 90}2.txt") as (second,):
            second.write(b"second")
        first.write(b"first")
    assert sorted(path.read_bytes() for path in tmp_path.iterdir()) == [b"first", b"second"]


def test_what_is_made_in_vain_is_made_again(tmp_path: Path) -> None:
    looks = []

    def make() -> str:
        with latest(tmp_path / "list") as (file,):
            looks.append(1)
            if len(looks) == 1:
                with latest(tmp_path / "list") as (later,):
                    later.write(b"later")
            file.write(b"anew")
        return "made"

    assert until_latest(make) == "made" and len(looks) == 2
    assert (tmp_path / "list").read_bytes() == b"anew"


def test_a_run_that_lost_its_run_json_is_told_and_nothing_is_written(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    merge(run)
    here = run.path.parent / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    (here / "train.txt").write_text("mine\n")
    run.run_json.unlink()
    before = {path: path.read_bytes() for path in run.path.parent.rglob("*") if path.is_file()}
    for program in ("jsons2txt", "status", "validate", "retry", "view"):
        done = subprocess.run(command(program, run.path), env=environment(), capture_output=True, text=True)
        assert done.returncode == 1 and "was a run, but its run.json is gone" in done.stderr, program
    assert {path: path.read_bytes() for path in run.path.parent.rglob("*") if path.is_file()} == before
    run.plan_json.unlink()
    with pytest.raises(UserError, match=r"was a run, but its run\.json is gone"):
        check_output(run, str(run.path))
    assert not run.is_free(), "another plan under the same journals would mix two runs"


def good_record(folder: Path, name: str) -> Path:
    found = {"data_id": 1, "caption": "", "annos": [], "image": _picture()}
    assert trainer_problems(found) == []
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(found))
    return folder / name


def _picture() -> str:
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def test_a_plain_folder_has_its_list_inside_and_only_if_there_is_something_to_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.txt").write_text("of last week\n")
    old = tmp_path / "old"
    old.mkdir()
    (old / "label_1.json").write_text('{"cut')
    (old / "train.txt").write_text("old/label_1.json\n")
    assert jsons2txt(["old"]) == 1
    said = capsys.readouterr()
    assert "none of its 1 JSON files is one. Nothing was written" in said.err and "not whole JSON" in said.out
    assert (old / "train.txt").read_text() == "old/label_1.json\n"
    good = good_record(old, "label_2.json")
    assert jsons2txt(["old"]) == 3
    assert (old / "train.txt").read_text() == f"{good}\n", "one made by `ls old/*.json` is of the same records"
    assert (tmp_path / "train.txt").read_text() == "of last week\n"
    assert jsons2txt(["old", "train.txt"]) == 1, "as docs say it is called, and there is something else"
    assert "no list of the records in old: it begins with 'of last week'" in capsys.readouterr().err
    assert (tmp_path / "train.txt").read_text() == "of last week\n"


@pytest.mark.parametrize(
    ("place", "answer"),
    [
        ("list.json", "no list of the records in"),
        ("run/run.json", "no list of the records in"),
        ("run/shards/00000.jsonl", "no list of the records in"),
        ("folder", "is a folder; a train list is a file, for example"),
        ("run/stats.json", "give the list another name"),
        ("folder/stats.json", "Give the list another name"),
        ("other/train.txt", "no list of the records in"),
        ("other/more.txt", "is another run"),
        ("lists/another.txt", "is there, and not of this run"),
        ("mine/train.txt", "is there, and not of this run"),
        ("pipe", "no plain file"),
    ],
)
def test_nothing_but_a_list_of_the_same_run_is_replaced(
    run: RunFolder, place: str, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    top = run.path.parent
    other = make_run(top / "other", [Image.new("RGB", (40, 30))], number=4, sides=False)
    merge(other)
    merge(other, top / "lists" / "train.txt")
    (top / "list.json").write_text('[{"image": "a.jpg", "caption": ""}]')
    for folder in ("folder", "mine"):
        (top / folder).mkdir()
    (top / "mine" / "stats.json").write_text("[1, 2]")
    os.mkfifo(top / "pipe")
    before = {path: path.read_bytes() for path in top.rglob("*") if path.is_file()}
    assert jsons2txt([str(run.path), str(top / place)]) == 1
    assert answer.lower() in capsys.readouterr().err.lower()
    assert {path: path.read_bytes() for path in top.rglob("*") if path.is_file()} == before


def test_a_list_elsewhere_is_replaced_by_a_later_one_of_the_same_run(run: RunFolder, tmp_path: Path) -> None:
    for _ in range(2):
        assert merge(run, tmp_path / "lists" / "train.txt").done == 23
    (tmp_path / "empty.txt").touch()
    finish(run)
    assert merge(run, tmp_path / "lists" / "train.txt").done == 24


def test_of_two_views_the_one_that_looked_last_is_the_page_and_it_is_whole(run: RunFolder) -> None:
    report = run.path / "report"
    with stopped("rename:1", "view", run.path) as slow:  # it has looked, and is about to write its plots
        finish(run)
        found = subprocess.run(command("view", run.path), env=environment(), capture_output=True, text=True)
        assert found.returncode == 0, found.stderr
    assert slow.returncode == 0, slow.said  # type: ignore[attr-defined]
    page = (report / "index.html").read_text()
    assert "24 of 24 items done" in page
    (base,) = {*re.findall(r"report-\d{8}T\d{6}[\d-]*", page)}
    assert (report / base / "cards.js").exists() and base in (report / "quarantine.html").read_text()
    assert build(Subject.open(run.path), 5, 0).index.exists()
    assert len([path for path in report.iterdir() if path.name.startswith("report-")]) == 1
    assert temporaries_in(report) == []


def test_a_report_is_made_while_a_retry_takes_manifests_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the listing of the manifests and the reading of each, all of them go."""
    folder = make_run(tmp_path / "run", [Image.new("RGB", (40, 30))], sides=False, failing=(5, 12))
    finished = folder.finished()
    assert retry(folder, failed_for("")).shards == 2 and finished - folder.finished() == {0, 1}
    monkeypatch.setattr(RunFolder, "finished", lambda self: finished)
    made = build(Subject.open(folder.path), 200, 0)
    assert (made.records, made.done, made.quarantined) == (22, 22, 0)


def test_two_retries_share_the_shards_and_a_merge_meanwhile_counts_each_item_once(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", [Image.new("RGB", (40, 30))], sides=False, failing=(5, 12))
    with stopped("rename:2", "retry", folder.path) as first:  # it has claimed the first shard, and is about to put back
        found = retry(folder, failed_for(""))
        assert (found.shards, found.busy) == (1, 1)
        merged = merge(folder)
        assert (merged.done, merged.quarantined, merged.missing) == (22, 1, 1)
    assert first.returncode == 0 and "1 items in 1 shards are pending again" in first.said  # type: ignore[attr-defined]
    merged = merge(folder)
    assert (merged.done, merged.quarantined, merged.missing) == (22, 0, 2)
    journals = [path.read_text() for path in folder.journals.iterdir()]
    assert sum(text.count('"retried"') for text in journals) == 2, "each item is put back once"


def test_a_run_folder_that_is_moved_away_is_not_made_anew_by_its_merge(run: RunFolder, tmp_path: Path) -> None:
    run.path.rename(tmp_path / "moved")
    with pytest.raises(FileNotFoundError):
        merge(run)
    assert not run.path.exists()
    assert jsons2txt([str(tmp_path / "moved"), str(tmp_path / "new" / "lists" / "train.txt")]) == 3, "asked for by name"
