"""GranD from end to end: all models tiny and random, on real photos; in one run, and as a chain that is killed."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from labelyard.utils.rle import encode
from tests.conftest import ROOT, call, command, environment, records
from tests.generate.exporters.conftest import export
from tests.support.grand import HUMAN, exported, small_pictures
from tests.support.narrator import narrator
from tests.tiny.grand import grand_settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
STAGES = ("find", "say", "relate", "tell", "ground")
NUMBER = 12
EXPORTS = {"grand": [], "grand_lmdb": ["dense=true", "val=0.3"], "gcg": ["eval=true"]}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """With spaCy's phrases where it is installed; and in shards and batches of a few items."""
    with narrator() as server:
        made = grand_settings(tmp_path_factory.mktemp("models"), find_spec("spacy") is not None, server.address)
        yield [*made, "shard_size=4", "work.batch=2"]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Image.Image]) -> Path:
    return small_pictures(tmp_path_factory.mktemp("pictures"), photos, NUMBER)


def found(run: Path) -> dict[str, dict[str, Any]]:
    """What is in its records, but for who made them, and what is kept aside."""
    bodies = [json.loads(path.read_bytes()) for path in records(run)]
    return {body["file_name"]: {k: v for k, v in body.items() if k not in ("made_by", "aside")} for body in bodies}


def begun(pictures: Path, out: Path, settings: list[str]) -> subprocess.Popen[str]:
    asked = ["grand_photos", "source=folder", f"source.path={pictures}", f"output={out}", "cluster=local", *settings]
    return subprocess.Popen(
        command("chain", *asked), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip


def killed_when(process: subprocess.Popen[str], stage: Path, number: int) -> int:
    """As soon as the stage has so many records; how many it has then."""
    end = time.monotonic() + 600
    while len(records(stage)) < number:
        assert process.poll() is None and time.monotonic() < end, process.communicate()
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return len(records(stage))


def test_one_run_and_five_stages_that_are_killed_find_the_same(
    pictures: Path, settings: list[str], tmp_path: Path
) -> None:
    one, chain = tmp_path / "one", tmp_path / "chain"
    done = call(
        "run", "source=folder", f"source.path={pictures}", f"output={one}", "pipeline=grand_photos", "cluster=debug",
        *settings, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    whole = found(one)
    assert len(whole) == NUMBER and call("validate", one).returncode == 0
    annos = [anno for body in whole.values() for anno in body["annos"]]
    assert all("mask" in anno and "labels" in anno for anno in annos)
    assert {"masks1", "HQ_SAM"} == {anno["mask_source"] for anno in annos}
    assert any("role" in anno for anno in annos) and any("median_depth" in anno for anno in annos)
    for stage in STAGES:  # inside of each; behind relate, between two
        number = NUMBER if stage == "relate" else 1
        there = killed_when(begun(pictures, chain, settings), chain / stage, number)
        assert there == NUMBER if number == NUMBER else there >= 1
    process = begun(pictures, chain, settings)
    said, _ = process.communicate(timeout=900)
    assert process.returncode == 0, said
    assert found(chain / "ground") == whole
    for stage in STAGES:  # what is large is written once
        assert all(("aside" in json.loads(path.read_bytes())) is (stage == "find") for path in records(chain / stage))
    of_one, of_chain = tmp_path / "of-one", tmp_path / "of-chain"
    for name, options in EXPORTS.items():
        for run, dest in ((one, of_one / name), (chain / "ground", of_chain / name)):
            done = export(run, name, dest, *options)
            assert done.returncode in (0, 3) and "read back well" in done.stdout, done.stdout + done.stderr
        assert exported(of_one / name) == exported(of_chain / name), name
    captions = json.loads((of_one / "gcg" / HUMAN).read_bytes())
    assert len(captions) > NUMBER // 2 and sum(len(item["groundings"]) for item in captions) > NUMBER


def test_with_the_masks_of_sa_1b(pictures: Path, settings: list[str], tmp_path: Path) -> None:
    """Their boxes get names, and what lies where they do gets their masks."""
    folder, out = tmp_path / "sa1b", tmp_path / "out"
    folder.mkdir()
    for number in range(2):
        with Image.open(pictures / f"{number:02d}.jpg") as picture:
            picture.save(folder / f"sa_{number}.jpg")
            annotations = [annotation(picture.size, (x, 4, 40, 30)) for x in (2, 20)]
        about = {"width": picture.width, "height": picture.height, "file_name": f"sa_{number}.jpg"}
        (folder / f"sa_{number}.json").write_text(json.dumps({"image": about, "annotations": annotations}))
    clip = next(setting for setting in settings if setting.startswith("label.")).partition("=")[2]
    named = [
        f"regions.checkpoint={clip}",
        "regions.score_threshold=0",
        "level1.models.regions.threshold=0",
        "level1.least_score=0",
    ]
    asked = ["source=sa1b", f"source.path={folder}", "cluster=debug", "phrase_boxes.box_threshold=0.99"]
    done = call("run", "pipeline=grand", f"output={out}", *asked, *settings, *named, timeout=900)
    assert done.returncode == 0, done.stderr
    bodies = [json.loads(path.read_bytes()) for path in records(out)]
    for body in bodies:
        assert [one["box"] for one in body["aside"]["regions"]["instances"]] == [[2, 4, 42, 34], [20, 4, 60, 34]]
        sure = [anno for anno in body["annos"] if anno["mask_source"] == "SAM"]
        assert {tuple(anno["original"]["box"]) for anno in sure} <= {(2, 4, 42, 34), (20, 4, 60, 34)}
    assert any(anno["mask_source"] == "SAM" for body in bodies for anno in body["annos"])
    assert call("validate", out).returncode == 0
    chain = tmp_path / "chain"  # of which the first stage alone keeps the masks for the last
    done = call("chain", "grand", f"output={chain}", *asked, *settings, *named, timeout=900)
    assert done.returncode == 0, done.stderr
    assert found(chain / "ground") == found(out)


def annotation(size: tuple[int, int], box: tuple[int, int, int, int]) -> dict[str, Any]:
    import numpy as np

    left, top, width, height = box
    mask = np.zeros(size[::-1], dtype=bool)
    mask[top : top + height, left : left + width] = True
    return {"bbox": list(box), "segmentation": encode(mask), "predicted_iou": 0.9, "stability_score": 0.9}


def test_a_model_that_does_not_run_is_refused(pictures: Path, tmp_path: Path) -> None:
    done = call(
        "run", "source=folder", f"source.path={pictures}", f"output={tmp_path / 'x'}", "pipeline=grand", "dry_run=true"
    )
    assert done.returncode == 1 and "step 'regions' reads aside.sa1b, which no earlier step writes" in done.stderr


def test_the_commands_of_the_page(settings: list[str], tmp_path: Path) -> None:
    """As far as a plan goes: there is no SLURM with so many nodes here."""
    page = (ROOT / "docs" / "coming-from-glamm.md").read_text()
    (block,) = re.findall(r"^```sh\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    (asked,) = [line for line in block.replace("\\\n", " ").splitlines() if "launch/chain.py" in line]
    folder = tmp_path / "sa1b"
    folder.mkdir()
    Image.new("RGB", (64, 48)).save(folder / "sa_1.jpg")
    (folder / "sa_1.json").write_text('{"image": {"width": 64, "height": 48}, "annotations": []}')
    words = [word.replace("/data/sa1b", str(folder)) for word in shlex.split(asked)[2:] if "cluster" not in word]
    sa1b = [f"regions.checkpoint={next(s for s in settings if s.startswith('label.')).partition('=')[2]}"]
    done = call("chain", *words, "dry_run=true", *settings, *sa1b, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [f"stage {n} of 5: {stage}" in done.stdout for n, stage in enumerate(STAGES, 1)] == [True] * 5
