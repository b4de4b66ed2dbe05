"""Every line that names a program names it as it is called."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from labelyard.utils.programs import CALLED, as_called, call, program, verb
from tests.conftest import ROOT

HELP = """\
    python launch/jsons2txt.py train-data     the same run.py command; python launch/export.py RUN
    launch/run.py of ./launch/run.py, my_run.py, rerun.pyc; python generate RUN, python generate/worker/slurm_task.py"""


@pytest.fixture
def by_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CALLED, "labelyard")


@pytest.fixture
def by_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CALLED, raising=False)


@pytest.mark.usefixtures("by_path")
def test_in_a_clone_they_are_files() -> None:
    assert (call("run"), call("jsons2txt"), call("generate")) == (
        "python launch/run.py", "python launch/jsons2txt.py", "python generate",
    )  # fmt: skip
    assert verb("jsons2txt") == "jsons2txt" and verb("run") == "run" and as_called(HELP) == HELP


@pytest.mark.usefixtures("by_command")
def test_under_the_command_they_are_verbs() -> None:
    assert program("fetch") == ["labelyard", "fetch"]
    assert (call("run"), call("jsons2txt"), call("generate")) == (
        "labelyard run",
        "labelyard merge",
        "labelyard worker",
    )
    assert verb("jsons2txt") == "merge" and verb("command") == "labelyard"
    assert as_called(HELP) == (
        "    labelyard merge train-data     the same labelyard run command; labelyard export RUN\n"
        "    labelyard run of ./launch/run.py, my_run.py, rerun.pyc; labelyard worker RUN, "
        "python generate/worker/slurm_task.py"
    )


def told(path: Path) -> Iterator[str]:
    """The texts of a module that may come before a user's eyes: all but the docstrings."""
    tree = ast.parse(path.read_text())
    explained = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in explained:
            yield node.value


def test_no_message_names_a_file_to_call() -> None:
    """`call` and `program` know how it is called; the reference is written for the repository's docs."""
    own = ("utils/programs.py", "launch/reference.py")
    modules = [path for room in ("generate", "launch", "utils") for path in sorted((ROOT / room).rglob("*.py"))]
    assert len(modules) > 150
    named = [
        f"{path.relative_to(ROOT)}: {text}"
        for path in modules
        if str(path.relative_to(ROOT)) not in own
        for text in told(path)
        if any(words in text for words in ("launch/", "python generate")) and "worker/slurm_task" not in text
    ]
    assert named == []
