"""The tour is walked: every command of docs/tour.md as it stands, and what it says they print."""

from __future__ import annotations

from pathlib import Path

from tests.support.walk import walked


def test_every_command_of_the_tour(tmp_path: Path) -> None:
    commands, told = walked("tour.md", tmp_path)
    assert told >= 8
    for program in ("run", "status", "validate", "view", "retry"):
        assert f"launch/{program}.py" in commands
    out = tmp_path / "runs" / "tour" / "out"
    assert len((out / "train.txt").read_text().splitlines()) == 4
    assert (out / "report" / "index.html").exists()
