"""Predictions are read as targets are drawn: what is right has full marks, and what is half right half of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelyard.launch.evaluate_pairs import main
from tests.generate.exporters.instructcv.conftest import export, given
from tests.launch.pairs.test_voc2coco import called
from tests.support import datasets


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All tasks in one folder, each sample with its own truth as its prediction."""
    top = tmp_path_factory.mktemp("evaluation")
    for source, make, tasks in (
        ("coco", datasets.coco, "det,seg,cls"), ("nyuv2", datasets.nyu_mdet, "depes"),
        ("ade20k", datasets.ade20k, "panoptic"), ("paired", datasets.lol, "restore"),
    ):  # fmt: skip
        assert given(source, make(top / "data" / source), top / "runs" / source).returncode == 0
        out = top / source
        assert export(top / "runs" / source, "instructcv", out, f"tasks={tasks}", "layout=evaluation").returncode == 0
        for folder in out.iterdir():
            if folder.is_dir() and folder.name[0] != ".":
                shutil.copytree(folder, top / "pairs" / folder.name)
    for path in (top / "pairs").glob("*/*_gt.png"):
        shutil.copy(path, path.with_name(path.name.replace("_gt", "_pred")))
    return top / "pairs"


def test_the_truth_has_full_marks_and_the_original_of_another_size_too(pairs: Path) -> None:
    done = called(main, [str(pairs)])
    assert done.returncode == 0, done.stderr
    scores = json.loads((pairs / "scores.json").read_text())
    assert set(scores) == {"det", "seg", "cls", "depes", "panoptic", "enhance"}
    assert scores["det"]["ap50"] == scores["seg"]["miou"] == scores["cls"]["accuracy"] == 1.0
    assert scores["panoptic"]["pixel_accuracy"] == 1.0 and scores["enhance"]["psnr"] == 100.0
    assert scores["depes"]["abs_rel"] == scores["depes"]["rmse"] == 0.0


def test_what_is_wrong_costs_as_much_as_it_is_wrong(pairs: Path, tmp_path: Path) -> None:
    shutil.copytree(pairs, tmp_path / "pairs")
    for path in (tmp_path / "pairs").glob("*/*_pred.png"):
        pixels = np.asarray(Image.open(path).convert("RGB")).copy()
        task = path.parent.name.rpartition("_")[2]
        if task == "depes":
            pixels = (pixels * 0.9).astype(np.uint8)
        elif task == "det":
            pixels = np.asarray(Image.open(next(path.parent.glob("*_0.jpg"))))
        elif task == "seg":
            pixels = pixels // 255 * 255
            pixels[:, : pixels.shape[1] // 2] = 0
        elif task == "cls":
            pixels = 255 - pixels
        Image.fromarray(pixels).resize((192, 128)).save(path)
    done = called(main, [str(tmp_path / "pairs")])
    assert done.returncode == 0
    scores = json.loads((tmp_path / "pairs" / "scores.json").read_text())
    assert scores["det"]["ap50"] == 0 and 0.1 < scores["seg"]["miou"] < 0.9 and scores["cls"]["accuracy"] < 0.5
    assert 0.08 < scores["depes"]["abs_rel"] < 0.14 and scores["depes"]["rmse"] > 0.2


def test_what_has_no_prediction_is_counted(pairs: Path, tmp_path: Path) -> None:
    shutil.copytree(pairs, tmp_path / "pairs")
    for path in (tmp_path / "pairs").glob("*_seg/*_pred.png"):
        path.unlink()
    done = called(main, [str(tmp_path / "pairs")])
    assert done.returncode == 3 and "samples without a prediction, such as" in done.stdout
    for path in (tmp_path / "pairs").glob("*/*_pred.png"):
        path.unlink()
    for place, said in ((tmp_path / "pairs", "no sample has a prediction"), (tmp_path / "none", "no such folder")):
        done = called(main, [str(place)])
        assert done.returncode == 1 and said in done.stderr
