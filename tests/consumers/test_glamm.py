"""GLaMM's unmodified classes on what is made here: CONSUMERS is a folder with a checkout of it, GLaMM."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from labelyard.launch.layout import main
from tests.conftest import environment
from tests.support.glamm import farm

CHECKOUT = Path(os.environ.get("CONSUMERS", "/nowhere")) / "GLaMM"
pytestmark = [
    pytest.mark.skipif(not CHECKOUT.is_dir(), reason="CONSUMERS names no folder with a checkout of GLaMM"),
    pytest.mark.slow,
]
NEVER = {"Semantic_Segm paco_lvis", "Semantic_Segm pascal_part"}
OF_GRAND = ("GrandRefer_Reg", "GrandCaptionDataset", "GrandRefer_Segm")


def read_by_glamm(folder: Path, data: str = ".") -> dict[str, Any]:
    program = Path(__file__).with_name("glamm_reads.py")
    done = subprocess.run(
        [sys.executable, str(program), str(CHECKOUT.resolve()), data],
        cwd=folder, env=environment(), capture_output=True, text=True, timeout=250,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def well(found: dict[str, Any]) -> set[str]:
    return {name for name, outcome in found.items() if "failed" not in outcome and not outcome["wrong"]}


def test_all_classes_that_can_load_do_in_the_layout_and_in_the_checkout(tmp_path: Path) -> None:
    folders = [f"{name}={path}" for name, path in farm(tmp_path / "farm").items()]
    checkout = tmp_path / "checkout"  # links to all of it, so that nothing is written into the real one
    checkout.mkdir()
    for entry in CHECKOUT.iterdir():
        (checkout / entry.name).symlink_to(entry.resolve())
    root = tmp_path / "D"
    assert main(["glamm", str(root), *folders, "--glamm", str(checkout), "--into", str(checkout)]) == 0
    for folder, data in ((root, "."), (checkout, "./data")):
        found = read_by_glamm(folder, data)
        asked = {name for name in found if not name.startswith(OF_GRAND)}
        assert asked - well(found) == NEVER and len(asked) == 29
