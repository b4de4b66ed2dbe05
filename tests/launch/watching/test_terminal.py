"""What comes from the user's files is printed on a terminal, and must not steer it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.conftest import MakeList, call, command, environment, fake_run, listed

# The title of the window, the colours, a line back, text from right to left, a byte that is no UTF-8.
EVIL = "\x1b]0;owned\x07\x1b[31m\x9b2J\r\u202e"
NAME = f"{EVIL}\udcff.json"


def told(program: str, *arguments: object) -> str:
    """What it prints, on both streams; an encoding that can't carry half a surrogate pair must not end it."""
    done = subprocess.run(command(program, *arguments), env=environment(), capture_output=True, timeout=120)
    text = (done.stdout + done.stderr).decode()
    assert "Traceback" not in text and not set(text) & set("\x1b\x07\x9b\r\u202e"), text
    return text


@pytest.fixture
def run(make_list: MakeList, tmp_path: Path) -> Path:
    train = make_list(3)
    rows = json.loads(train.read_text())
    rows.append({"image": f"{EVIL}.jpg", "caption": EVIL})
    train.write_text(json.dumps(rows))
    assert call("run", *fake_run(train, tmp_path / "out")).returncode == 3
    return tmp_path / "out"


def test_names_of_images(run: Path) -> None:
    for program, *more in (["status"], ["status", "--watch"], ["jsons2txt"], ["retry", "--dry-run"]):
        text = told(program, run, *more)
        assert "no such file" in text or more == ["--watch"]
    assert "owned" in told("jsons2txt", run), "the name is told, as far as it can be shown"


def test_values_in_a_list_and_on_the_command_line(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"image": [EVIL], "caption": ""}) + "\n")
    assert "none of the first rows is an item" in told("run", *fake_run(rows, tmp_path / "out"))
    assert "owned" in told("run", *fake_run(tmp_path / f"{EVIL}.json", tmp_path / "out"))
    assert "owned" in told("status", tmp_path / EVIL)


def test_names_of_records_and_what_stands_in_them(run: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / NAME).write_text("{")
    assert "owned" in told("jsons2txt", plain, tmp_path / "train.txt")
    assert "owned" in told("validate", plain)
    path = Path(listed(run)[0])
    stranger = path.with_name(path.name.replace("label_", f"label_{EVIL}"))
    path.rename(stranger)
    train = run / "train.txt"
    train.write_bytes(train.read_bytes().replace(bytes(path), bytes(stranger)))
    assert "owned" in told("validate", run)
