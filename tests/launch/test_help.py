"""--help of every program fits a screen and shows examples."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, environment

# Whatever people call: it can be started, and reads its arguments.
TEXTS = {path.stem: path.read_text() for path in sorted((ROOT / "launch").glob("*.py"))}
PROGRAMS = [name for name, text in TEXTS.items() if "ArgumentParser" in text and "__main__" in text]
assert {"run", "status", "jsons2txt", "validate", "view", "export", "retry", "cancel", "fetch"} <= set(PROGRAMS)
COLUMNS, LINES = 80, 30


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_fits_a_screen_and_shows_examples(program: str) -> None:
    done = subprocess.run(
        [sys.executable, f"launch/{program}.py", "--help"],
        cwd=ROOT, env={**environment(), "COLUMNS": str(COLUMNS)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr == ""
    shown = sum(max(1, -(-len(line) // COLUMNS)) for line in done.stdout.rstrip().splitlines())
    assert shown <= LINES, f"{shown} lines on a terminal of {COLUMNS} columns"
    assert re.search(rf"^    python launch/{program}\.py ", done.stdout, re.M), "no example"


# The others take settings, or more than a run folder.
OF_A_RUN = ["status", "jsons2txt", "validate", "view", "retry", "cancel"]


@pytest.mark.parametrize("program", OF_A_RUN)
def test_a_run_that_is_not_there_is_told_in_one_line(program: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "launch" / f"{program}.py"), "nothing"],
        cwd=tmp_path, env=environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1 and "nothing" in done.stderr and len(done.stderr.splitlines()) <= 2
