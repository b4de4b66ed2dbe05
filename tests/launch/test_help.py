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
PROGRAMS = [name for name, text in TEXTS.items() if "parser(__doc__" in text and "__main__" in text]
assert {"run", "status", "jsons2txt", "validate", "view", "export", "retry", "cancel", "fetch"} <= set(PROGRAMS)
COLUMNS, LINES = 80, 30


def verb_of(program: str) -> str:
    return "merge" if program == "jsons2txt" else program


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


@pytest.mark.parametrize("verb", [*map(verb_of, PROGRAMS), "worker"])
def test_help_of_the_command_has_its_own_examples(verb: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "labelyard.launch.command", verb, "--help"],
        env={**environment(), "COLUMNS": str(COLUMNS)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.startswith(f"usage: labelyard {verb} ")
    assert re.search(rf"^(    |One worker: )labelyard {verb} ", done.stdout, re.M), "no example"
    assert re.findall(r"\S*\.py\b|python generate", done.stdout) == []


# The others take settings, or more than a run folder.
OF_A_RUN = ["status", "jsons2txt", "validate", "view", "retry", "cancel"]


@pytest.mark.parametrize("program", OF_A_RUN)
def test_a_run_that_is_not_there_is_told_in_one_line(program: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "launch" / f"{program}.py"), "nothing"],
        cwd=tmp_path, env=environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1 and "nothing" in done.stderr and len(done.stderr.splitlines()) <= 2
