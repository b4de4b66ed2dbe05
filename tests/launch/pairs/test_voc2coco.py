"""Pascal VOC as COCO's JSON."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from labelyard.generate.sources.coco import Coco
from labelyard.generate.sources.voc import CLASSES
from labelyard.launch.pairs.coco_json import outlines
from tests.support import datasets


def called(main: Callable[[list[str]], int], arguments: list[str]) -> subprocess.CompletedProcess[str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def voc2coco(*arguments: object) -> subprocess.CompletedProcess[str]:
    from labelyard.launch.voc2coco import main

    return called(main, list(map(str, arguments)))


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    return datasets.voc(tmp_path / "VOC2012")


def test_boxes_areas_and_masks_are_those_of_the_files(voc: Path) -> None:
    done = voc2coco(voc)
    assert done.returncode == 0 and "3 images with 6 objects in" in done.stdout, done.stderr
    path = voc / "data" / "train.json"
    assert len(path.read_text().splitlines()) == 1
    with contextlib.redirect_stdout(io.StringIO()):
        read = COCO(str(path))
    assert [read.cats[number]["name"] for number in sorted(read.cats)] == list(CLASSES)
    assert [image["file_name"] for image in read.imgs.values()] == [f"2007_{n + 32:06d}.jpg" for n in range(3)]
    assert [entry["bbox"] for entry in read.anns.values()] == [[10, 10, 40, 30], [60, 20, 30, 40]] * 3
    assert min(read.anns) == 1 and all(entry["iscrowd"] == 0 for entry in read.anns.values())
    for entry in read.anns.values():
        if entry["image_id"] == 3:
            assert entry["segmentation"] == [] and entry["area"] == entry["bbox"][2] * entry["bbox"][3]
            continue
        name = read.imgs[entry["image_id"]]["file_name"][:-4]
        numbers = np.asarray(Image.open(voc / "SegmentationObject" / f"{name}.png"))
        truth = numbers == (1 if entry["category_id"] == 1 else 2)
        assert entry["area"] == truth.sum() and (filled(entry["segmentation"], truth.shape) == truth).all()
    source = Coco(path=str(path), root=str(voc / "JPEGImages"))
    assert sum(1 for _ in source.entries()) == 3


def filled(polygons: list[list[float]], shape: tuple[int, ...]) -> np.ndarray:
    """As InstructCV's scripts do."""
    canvas = np.zeros(shape, np.uint8)
    for polygon in polygons:
        cv2.fillPoly(canvas, [np.array(polygon).reshape(-1, 2).astype(np.int32)], 1)
    return canvas.astype(bool)


def test_any_mask_is_filled_again_to_the_pixel() -> None:
    random = np.random.default_rng(0)
    for _ in range(40):
        noise = cv2.GaussianBlur(random.random((30, 40)).astype(np.float32), (0, 0), 1.5)
        mask = noise > np.quantile(noise, random.uniform(0.2, 0.95))
        assert (filled(outlines(mask), mask.shape) == mask).all()


def test_one_split_goes_where_it_is_told_and_what_is_broken_is_named(voc: Path, tmp_path: Path) -> None:
    (voc / "Annotations" / "2007_000033.xml").write_text("<annotation>")
    done = voc2coco(voc, "--split", "train", "--out", tmp_path / "out" / "train.json")
    assert (
        done.returncode == 3 and "left out: JPEGImages/2007_000033.jpg: an annotation that can't be read" in done.stdout
    )
    assert len(json.loads((tmp_path / "out" / "train.json").read_text())["images"]) == 2
    for arguments, said in (
        ((voc, "--out", "x.json"), "Say which: --split train"),
        ((voc, "--split", "trein"), "there are train.txt"),
        ((tmp_path / "none",), "is not there"),
    ):
        done = voc2coco(*arguments)
        assert done.returncode == 1 and said in done.stderr, done.stderr
