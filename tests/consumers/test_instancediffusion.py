"""InstanceDiffusion's unmodified dataset class on what is made here: CONSUMERS is a folder with a checkout of it,
InstanceDiffusion. What it wants of a record is stated again in generate/record_json/check.py, and tested always."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelyard.launch.validate import main as validate
from labelyard.utils import rle
from tests.conftest import MakeList, call, environment, fake_run, listed
from tests.consumers.checkouts import checkout
from tests.generate.exporters.conftest import export

SIDE = 512  # of the trainer's square
SMALLEST = 0.01  # of its area
NUMBER = 8


@pytest.fixture(scope="module")
def instancediffusion() -> Path:
    return checkout("InstanceDiffusion")


def read(checkout: Path, *lists: Path) -> dict[str, list[dict[str, Any]]]:
    script = Path(__file__).with_name("instancediffusion_reads.py")
    words = [sys.executable, str(script), str(checkout), *map(str, lists)]
    done = subprocess.run(words, env=environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[dict[str, Any]]] = json.loads(done.stdout.splitlines()[-1])
    return found


def in_the_square(body: dict[str, Any]) -> list[tuple[list[float], dict[str, Any], float]]:
    """Box, annotation and the part of the square that its mask covers: of those that are left in its middle, the
    largest first."""
    left, top = (body["width"] - SIDE) // 2, (body["height"] - SIDE) // 2
    found = []
    for anno in body["annos"]:
        x, y, width, height = anno["bbox"]
        box = [x - left, y - top, x + width - left, y + height - top]
        box = [min(max(side, 0), SIDE) for side in box]
        if (area := (box[2] - box[0]) * (box[3] - box[1])) / SIDE**2 >= SMALLEST:
            mask = rle.decode(anno["mask"])[top : top + SIDE, left : left + SIDE]
            found.append((area, [side / SIDE for side in box], anno, float(mask.mean())))
    return [(box, anno, part) for _, box, anno, part in sorted(found, key=lambda one: -one[0])]


def test_the_trainer_s_own_class_reads_boxes_masks_and_embeddings(
    instancediffusion: Path, make_list: MakeList, tmp_path: Path
) -> None:
    given = fake_run(make_list(NUMBER, side=200), tmp_path / "run", "cluster=debug", "write.short_side=512")
    done = call("run", *given)
    assert done.returncode == 0, done.stderr
    lists = [tmp_path / "run" / "train.txt", tmp_path / "list.txt", tmp_path / "made" / "train.txt"]
    assert export(tmp_path / "run", "train_list", lists[1]).returncode == 0
    assert export(tmp_path / "run", "instancediffusion", lists[2].parent).returncode == 0
    assert validate([str(lists[2])]) == 0
    seen = read(instancediffusion, *lists)
    number = 0
    for place in lists:
        bodies = [json.loads(Path(line).read_bytes()) for line in place.read_text().splitlines()]
        assert len(seen[str(place)]) == len(bodies) == NUMBER
        for body, theirs in zip(bodies, seen[str(place)], strict=True):
            assert (theirs["id"], theirs["caption"]) == (body["data_id"], body["caption"])
            assert theirs["image"] == [3, SIDE, SIDE]
            ours = in_the_square(body)
            assert np.allclose(theirs["boxes"], [box for box, _, _ in ours], atol=1e-5)
            vectors = [base64.b64decode(anno["text_embedding_before"]) for _, anno, _ in ours]
            assert theirs["embeddings"] == [hashlib.sha256(vector).hexdigest() for vector in vectors]
            assert np.allclose(theirs["masks"], [part for _, _, part in ours], atol=1e-5)
            number += len(ours)
    assert number >= len(lists) * NUMBER and len(listed(tmp_path / "run")) == NUMBER
