"""What no program expects: nobody reads its output; folders where it writes or reads files. A line, no traceback."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import MakeList, call, command, environment, fake_run, records
from tests.launch.test_help import PROGRAMS


@pytest.fixture
def run(make_list: MakeList, tmp_path: Path) -> Path:
    done = call("run", *fake_run(make_list(6), tmp_path / "run", "cluster=debug", "shard_size=3"))
    assert done.returncode == 0, done.stderr
    return tmp_path / "run"


def unheard(program: str, *arguments: object) -> subprocess.Popen[str]:
    return unread(command(program, *arguments))


def unheard_command(*arguments: str) -> subprocess.Popen[str]:
    return unread([sys.executable, "-m", "labelyard.launch.command", *arguments])


def unread(words: list[str]) -> subprocess.Popen[str]:
    """As `program | head` that has ended already."""
    reader, writer = os.pipe()
    os.close(reader)
    variables = {**environment(), "PYTHONUNBUFFERED": ""}  # as users have it: what is left is printed at the end
    process = subprocess.Popen(words, env=variables, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    return process


def test_who_reads_no_further_is_told_nothing_more(run: Path) -> None:
    helping = {program: unheard(program, "--help") for program in PROGRAMS}
    reading = {program: unheard(program, run) for program in ("status", "validate", "jsons2txt", "view")}
    helping["labelyard"] = unheard_command("--help")
    told = {program: process.communicate(timeout=120)[1] for program, process in helping.items()}
    assert told == dict.fromkeys([*PROGRAMS, "labelyard"], "")
    ended = {program: (process.communicate(timeout=120)[1], process.returncode) for program, process in reading.items()}
    assert ended == dict.fromkeys(reading, ("", 141)), "as of a program that SIGPIPE ended"


def told(capsys: pytest.CaptureFixture[str], program: str, *arguments: object) -> str:
    """What it says where it can't go on, in one line."""
    code = importlib.import_module(f"labelyard.launch.{program}").main([str(argument) for argument in arguments])
    said = capsys.readouterr().err
    assert code == 1 and len(said.splitlines()) == 1 and said.startswith(f"{program}: "), said
    return said


@pytest.mark.parametrize("name", ["train.txt", "missing.jsonl", "stats.json"])
def test_a_folder_where_the_merge_puts_a_file(run: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (run / name).unlink()
    (run / name).mkdir()
    assert f"{run / name} is a folder" in told(capsys, "jsons2txt", run)
    if name == "train.txt":
        assert f"{run / name} is a folder, where a file belongs" in told(capsys, "validate", run)
    again = call("run", *fake_run(run.parent / "train_data.json", run, "cluster=debug", "shard_size=3"))
    assert again.returncode == 1 and "Traceback" not in again.stderr
    assert f"{run / name} is a folder" in again.stderr


def test_a_manifest_that_is_a_folder_is_damaged(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = run / "done" / "00001.jsonl"
    manifest.unlink()
    manifest.mkdir()
    for program in ("validate", "jsons2txt", "status", "view", "retry"):
        assert f"{manifest} is damaged (it is a folder). Remove it" in told(capsys, program, run)
    assert "is damaged (it is a folder)" in told(capsys, "export", run, "coco", run.parent / "coco")


def test_a_record_s_path_that_has_become_a_folder(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It counts as gone; who makes it again says what is in its way."""
    first, *others = records(run)
    first.unlink()
    first.mkdir()
    assert importlib.import_module("labelyard.launch.jsons2txt").main([str(run)]) == 3
    assert importlib.import_module("labelyard.launch.retry").main([str(run), "--damaged"]) == 0
    assert "1 items in 1 shards are pending again" in capsys.readouterr().out
    arguments = fake_run(run.parent / "train_data.json", run, "cluster=debug", "shard_size=3")
    stopped = call("run", *arguments)
    assert stopped.returncode == 1 and "Traceback" not in stopped.stderr
    assert f"{first} is a folder, where a file belongs. Move it" in stopped.stderr
    shutil.rmtree(first)
    assert call("run", *arguments).returncode == 0 and records(run) == [first, *others]
