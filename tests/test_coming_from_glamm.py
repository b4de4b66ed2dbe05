"""docs/coming-from-glamm.md: its commands, on fakes of the data sets that it names, and what it says of the table."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from labelyard.launch.layouts.glamm import GLAMM
from tests.conftest import ROOT, environment
from tests.support.glamm import farm
from tests.support.grand import level_4
from tests.support.walk import BLOCK

PAGE = (ROOT / "docs" / "coming-from-glamm.md").read_text()


def test_every_data_set_has_its_row() -> None:
    rows = [line for line in PAGE.split("## Reading")[0].splitlines() if line.startswith("| `")]
    named = [name for row in rows for name in re.findall(r"`([\w+]+)`", row.split("|")[1])]
    assert named == [dataset.name for dataset in GLAMM.datasets]
    for dataset in GLAMM.datasets:
        (row,) = [row for row in rows if f"`{dataset.name}`" in row.split("|")[1]]
        for link in dataset.links:
            told = re.findall(r"`([^`]+)`", row.split("|")[3])
            assert any(link.places[0].startswith(place.rstrip("/")) for place in told), link.places[0]


def test_every_command_as_it_stands(tmp_path: Path) -> None:
    farm(tmp_path / "data")
    level_4(tmp_path / "data" / "grand")
    (tmp_path / "groundingLMM" / "dataset" / "utils").mkdir(parents=True)
    (tmp_path / "launch").symlink_to(ROOT / "launch")
    settings = {**environment(), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    printed, told = "", 0
    for kind, body in BLOCK.findall(PAGE):
        if kind == "bash":
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", body.replace("/data/", f"{tmp_path}/data/")],
                cwd=tmp_path, env=settings, capture_output=True, text=True, timeout=250,
            )  # fmt: skip
            assert done.returncode == 0, body + done.stdout + done.stderr
            printed = done.stdout
            continue
        for line in body.splitlines():
            told += 1
            pattern = ".*".join(map(re.escape, line.split("…")))
            assert re.search(f"^{pattern}$", printed, re.MULTILINE), f"not printed: {line}\n{printed}"
    assert told >= 10
