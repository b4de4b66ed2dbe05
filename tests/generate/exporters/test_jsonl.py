from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from labelyard.launch import run as program
from tests.conftest import fake_run
from tests.generate.exporters.conftest import export


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records with a text, a finding, and what the list gave; a name of the record's own is among that."""
    folder = tmp_path_factory.mktemp("told")
    rows: list[dict[str, Any]] = []
    for number in range(3):
        Image.new("RGB", (40, 30), (number * 80, 90, 20)).save(folder / f"{number}.png")
        rows.append({"image": f"{number}.png", "caption": f"row {number}", "weight": number, "tags": [number]})
    (folder / "rows.json").write_text(json.dumps(rows))
    listed = fake_run(folder / "rows.json", folder / "run", "pipeline=light", "cluster=debug")
    assert program.main(list(map(str, listed))) == 0
    return folder / "run"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_for_each_with_what_is_asked_for(told: Path, tmp_path: Path) -> None:
    bodies = [json.loads(Path(path).read_bytes()) for path in (told / "records.txt").read_text().splitlines()]
    assert export(told, "jsonl", tmp_path / "all.jsonl").returncode == 0
    assert lines(tmp_path / "all.jsonl") == [
        {
            "id": body["id"],
            "image": str(told.parent / body["file_name"]),
            "caption": f"row {number}",
            "weight": number,
            "tags": [number],
            "said": body["texts"]["said"]["text"],
        }
        for number, body in enumerate(bodies)
    ]
    options = ["texts=said", "found=said", "given=false", "paths=given"]
    assert export(told, "jsonl", tmp_path / "few.jsonl", *options).returncode == 0
    few = lines(tmp_path / "few.jsonl")
    assert [list(line) for line in few] == [["id", "image", "caption", "said"]] * 3
    assert [line["image"] for line in few] == ["0.png", "1.png", "2.png"]
    assert [line["said"] for line in few] == [body["texts"]["said"]["text"] for body in bodies], "a text counts more"


def test_what_lacks_a_text_is_told_and_others_files_are_left_alone(told: Path, tmp_path: Path) -> None:
    done = export(told, "jsonl", tmp_path / "none.jsonl", "texts=said,dense")
    assert done.returncode == 3 and done.stdout.count("it has no text 'dense'") == 3
    assert (tmp_path / "none.jsonl").read_bytes() == b""
    assert export(told, "jsonl", tmp_path / "none.jsonl", "found=said", "texts=said").returncode == 0, "of ours, anew"
    (tmp_path / "mine.jsonl").write_text('["id"]\n')
    for dest in (tmp_path / "mine.jsonl", tmp_path):
        refused = export(told, "jsonl", dest)
        assert refused.returncode == 1 and "no list of such lines" in refused.stderr
    assert (tmp_path / "mine.jsonl").read_text() == '["id"]\n'
    assert export(told, "jsonl", tmp_path / "x", "texts=said,").returncode == 1
