"""The tour is walked: every command of docs/tour.md as it stands, and what it says they print."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.walk import walked

LAST = "## 8. Five training sets of them"  # most of a minute


def test_every_command_of_the_tour(tmp_path: Path) -> None:
    commands, told = walked("tour.md", tmp_path, before=LAST)
    assert told >= 8
    for program in ("run", "status", "validate", "view", "retry"):
        assert f"launch/{program}.py" in commands
    out = tmp_path / "runs" / "tour" / "out"
    assert len((out / "train.txt").read_text().splitlines()) == 4
    assert (out / "report" / "index.html").exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_tour_to_its_end(tmp_path: Path) -> None:
    _, told = walked("tour.md", tmp_path)
    assert told >= 16
    sets = tmp_path / "runs" / "tour" / "sets"
    assert {path.name for path in sets.iterdir()} >= {"train.txt", "graph200k", "instructcv", "gcg", "captions.jsonl"}
