"""docs/coming-from-visualcloze.md: its words are settings that there are, and its commands work as they stand."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from labelyard.generate.exporters.graph200k.export import Graph200k
from labelyard.generate.settings import settings
from tests import graph200k
from tests.conftest import ROOT, environment
from tests.support.condition_sheet import CELL, GAP, sheet

PAGE = (ROOT / "docs" / "coming-from-visualcloze.md").read_text()
OPTIONS = ("names", "format", "jpeg_quality", "paths", "list", "split", "min_consistency", "assessment", "consumer")


def test_its_flags_and_words_have_their_place() -> None:
    rows = "".join(line for line in PAGE.splitlines() if line.startswith("| "))
    for flag in ("--target_path", "--split", "description", "quality_assessment", "FillEdit_meta", "data.json"):
        assert f"`{flag}`" in rows
    known = (ROOT / "docs" / "configuration.md").read_text()
    for name in set(re.findall(r"\b((?:source|degrade)\.[\w.]+)=", PAGE)):
        assert f"| `{name}`" in known, name
    there = settings(Graph200k())
    assert set(OPTIONS) <= there.keys() and all(f"{name}=" in PAGE for name in OPTIONS)


def test_its_sheet_is_of_three_photos_and_what_a_record_has_not_is_grey(tmp_path: Path) -> None:
    red, blue = (Image.new("RGB", (64, 64), colour) for colour in ("red", "blue"))
    made = sheet([{"target": red, "ref": blue}] * 3, CELL)
    with Image.open(ROOT / "docs" / "conditions.webp") as shown:
        assert shown.size == made.size
    at = {place: made.getpixel((place[0] * (CELL[0] + GAP) + 2, place[1] * (CELL[1] + GAP) + 2)) for place in (
        (0, 0), (1, 0), (2, 0), (0, 1), (0, 2))}  # fmt: skip
    grey, white = (128, 128, 128), (255, 255, 255)
    assert at == {(0, 0): (255, 0, 0), (1, 0): white, (2, 0): grey, (0, 1): grey, (0, 2): (255, 0, 0)}


@pytest.mark.slow
def test_its_commands_work_as_they_stand(tmp_path: Path) -> None:
    graph200k.saved(tmp_path / "Graph200K", rows=5)
    for name in ("in0", "out0", "in1", "out1"):
        Image.new("RGB", (16, 16), "red").save(tmp_path / f"{name}.png")
    (tmp_path / "pairs.csv").write_text("target,input,text\nout0.png,in0.png,a cup\nout1.png,in1.png,a jug\n")
    for block in re.findall(r"```bash\n(.*?)```", PAGE, re.S):
        lines = "".join(line for line in block.splitlines(keepends=True) if not line.startswith("hf download"))
        command = lines.replace("python launch/", f"{sys.executable} {ROOT}/launch/")
        done = subprocess.run(
            ["bash", "-e", "-c", command], cwd=tmp_path, env=environment(), capture_output=True, text=True
        )
        assert done.returncode == 0, f"{lines}\n{done.stderr}"
    places = ("out/test", "runs/g200k-export")
    first, second = (json.loads((tmp_path / place / "data.json").read_text()) for place in places)
    assert [row["description"] for row in first] == [row["description"] for row in second]
    pairs = json.loads((tmp_path / "runs" / "pairs-export" / "data.json").read_text())
    assert pairs[0]["description"]["description_0"] == "a cup"
    assert pairs[0]["quality_assessment"]["objectConsistency"] == 5
    assert Path(pairs[0]["condition"]["reference"]).read_bytes() == (tmp_path / "in0.png").read_bytes()
    assert len(list((tmp_path / "runs" / "degraded" / "images" / "deg_Rain").glob("*/*.png"))) == 2
