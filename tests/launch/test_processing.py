"""The original script's flags make its files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import graph200k
from tests.conftest import call


def test_the_original_flags_make_the_original_files(tmp_path: Path) -> None:
    graph200k.saved(tmp_path / "Graph200K", rows=3)
    done = call("processing", "--target_path", "out", "--split", "test", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "out" / "test"
    assert {path.name for path in (out / "target").iterdir()} == {f"{n}_target.jpg" for n in range(3)}
    (first, *_) = rows = json.loads((out / "data.json").read_text())
    assert len(rows) == 3 and first["condition"]["reference"] == str(out / "ref" / "0_ref.jpg")
    assert (out / "ref" / "0_ref.jpg").read_bytes() == graph200k.row(0)["ref"]["bytes"], "and no second JPEG of it"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--target_path", "out"], "required: --split"),
        (["--target_path", "out", "--split", "val"], "invalid choice: 'val'"),
        (["--target_path", "out", "--split", "test"], "hf download --repo-type dataset VisualCloze/Graph200K"),
        (["--target_path", "full", "--split", "test", "--dataset", "full"], "is not empty, and no export of ours"),
    ],
)
def test_what_can_not_be_is_one_line(
    arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from labelyard.launch.processing import main

    (tmp_path / "full" / "test").mkdir(parents=True)
    (tmp_path / "full" / "test" / "mine.txt").write_text("mine")
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert told in said and said.startswith("processing: ") and len(said.splitlines()) == 1
