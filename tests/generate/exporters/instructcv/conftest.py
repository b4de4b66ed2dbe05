"""A run of a small COCO, and its export."""

from __future__ import annotations

import contextlib
import io
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import datasets

Made = subprocess.CompletedProcess[str]


def given(source: str, path: Path, output: Path, *more: str) -> Made:
    """A run that takes what a dataset says, in this process."""
    from labelyard.launch.run import main

    settings = [f"source={source}", f"source.path={path}", f"output={output}", "pipeline=given", "cluster=debug", *more]
    return _called(main, settings)


def export(*arguments: object) -> Made:
    from labelyard.launch.export import main

    return _called(main, [str(argument) for argument in arguments])


def _called(main: Callable[[list[str]], int], arguments: list[str]) -> Made:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def coco_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return datasets.coco(tmp_path_factory.mktemp("coco"))


@pytest.fixture(scope="session")
def coco_run(coco_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("instructcv") / "run"
    done = given("coco", coco_data, out)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="session")
def pairs(coco_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pairs") / "image_pairs"
    done = export(coco_run, "instructcv", out, "tasks=det,seg,cls")
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def files(top: Path) -> dict[str, bytes]:
    """All of an export, but for the notes of how it was made."""
    skipped = ("export.jsonl",)
    return {str(p.relative_to(top)): p.read_bytes() for p in top.rglob("*") if p.is_file() and p.name not in skipped}


def facts(top: Path) -> dict[str, Any]:
    import json

    found: dict[str, Any] = json.loads((top / "report.json").read_text())
    return found
