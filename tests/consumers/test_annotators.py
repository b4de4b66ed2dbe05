"""Networks in plain torch, beside their authors' own code with the same random weights.

controlnet_aux (HED, M-LSD, OpenPose; wants einops and scipy), BiRefNet (einops) and ControlNet, in which UniFormer is
(addict, yapf), are checkouts in the folder CONSUMERS. So is DSINE (geffnet), whose code we call.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.consumers.checkouts import checkout

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def differences(name: str, folder: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.consumers.annotators_read", name, str(checkout(folder))]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if "ModuleNotFoundError" in ran.stderr:
        pytest.skip(ran.stderr.strip().splitlines()[-1])
    assert ran.returncode == 0, ran.stderr[-2000:]
    found: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("name", ["hed", "mlsd"])
def test_edges_are_those_of_controlnet(name: str) -> None:
    found = differences(name, "controlnet_aux")
    assert found["network"] < 1e-5 and found["pictures"] == 0


def test_people_and_their_drawing_are_those_of_controlnet() -> None:
    found = differences("openpose", "controlnet_aux")
    assert found["network"] < 1e-5 and found["people"] > 15
    assert found["people put together otherwise"] == found["pictures"] == 0


@pytest.mark.parametrize(("name", "folder"), [("birefnet", "BiRefNet"), ("uniformer", "ControlNet")])
def test_networks_answer_as_their_authors(name: str, folder: str) -> None:
    assert differences(name, folder)["network"] < 1e-5


def test_normals_are_those_of_dsine() -> None:
    found = differences("dsine", "DSINE")
    assert found["network"] < 1e-5 and found["pictures"] <= 1
