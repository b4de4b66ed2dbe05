"""Pairs of datasets that are no COCO: each task's target says what the labels say."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelyard.generate.exporters.instructcv import codings
from tests.conftest import command, environment
from tests.generate.exporters.instructcv.conftest import export, facts, files, given
from tests.support import datasets

Make = Callable[[Path], Path]


def made(source: str, make: Make, top: Path, tasks: str, *options: str) -> Path:
    if not (top / "run").exists():
        assert given(source, make(top / "data"), top / "run").returncode == 0
    out = top / f"out{len(list(top.glob('out*')))}"
    done = export(top / "run", "instructcv", out, f"tasks={tasks}", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def pixels(folder: Path, name: str) -> np.ndarray:
    found: np.ndarray = np.asarray(Image.open(folder / name / f"{name}_1.png").convert("RGB")).astype(int)
    return found


@pytest.mark.parametrize(("rounding", "most"), [("floor", 0.040), ("nearest", 0.020)])
def test_depth_can_be_read_back_to_centimetres(rounding: str, most: float, tmp_path: Path) -> None:
    out = made("nyuv2", datasets.nyu_mdet, tmp_path, "depes", f"depth_round={rounding}")
    truth = datasets.depth16(0) / 1000
    grey = pixels(out, "kitchen_0028b_rgb_00000_depes")
    assert (grey == grey[..., :1]).all() and (grey[truth == 0] == 0).all() and (grey[truth > 10] == 255).all()
    within = (truth > 0) & (truth <= 10)
    assert np.abs(grey[..., 0] * 10 / 255 - truth)[within].max() <= most


def test_pets_in_white_with_a_grey_border_where_it_is_asked_for(tmp_path: Path) -> None:
    out = made("pets", datasets.pets, tmp_path, "det,seg,cls")
    trimap = np.asarray(Image.open(tmp_path / "data" / "annotations" / "trimaps" / "Abyssinian_1.png"))
    assert (pixels(out, "Abyssinian_1_seg")[..., 0] == np.where(trimap == 1, 255, 0)).all()
    bordered = made("pets", datasets.pets, tmp_path, "seg", "border=1")
    assert (pixels(bordered, "Abyssinian_1_seg")[..., 0] == (trimap.astype(np.uint8) - np.uint8(2))).all()
    boxes = json.loads((out / "Abyssinian_1_det" / "bbox.json").read_text())["bbox"]
    assert boxes == [[20.0, 10.0, 60.0, 40.0]]
    assert not (out / "american_bulldog_100_det").exists(), "it has no box of its head"
    classes = facts(out)["classes"]
    assert set(classes["cls"]) == {"Abyssinian", "american bulldog", "Bengal"} and set(classes["det"]) < set(
        classes["cls"]
    )
    species = made("pets", datasets.pets, tmp_path, "seg,cls", "labels=species", "negatives=all")
    assert facts(species)["classes"] == {"cls": {"cat": 3, "dog": 3}, "seg": {"cat": 2, "dog": 1}}


def test_voc_is_outlined_in_red_and_its_border_is_no_object(tmp_path: Path) -> None:
    out = made("voc", datasets.voc, tmp_path, "det,seg")
    name = "2007_000032_aeroplane"
    target = np.asarray(Image.open(out / f"{name}_det" / f"{name}_det_1.jpg")).astype(int)
    assert np.abs(target[12, 20:40] - (255, 0, 0)).max() < 40
    objects = np.asarray(Image.open(tmp_path / "data" / "SegmentationObject" / "2007_000032.png"))
    assert (pixels(out, f"{name}_seg")[..., 0] == np.where(objects == 1, 255, 0)).all()


def test_a_scene_is_painted_in_the_colours_of_its_classes(tmp_path: Path) -> None:
    out = made("ade20k", datasets.ade20k, tmp_path, "panoptic,seg")
    numbers = np.asarray(Image.open(tmp_path / "data" / "annotations" / "training" / "ADE_train_00000001.png"))
    found = pixels(out, "ADE_train_00000001_panoptic")
    for number, colour in {0: (0, 0, 0), 1: (120, 120, 120), 8: (204, 5, 255), 13: (150, 5, 61)}.items():
        assert (found[numbers == number] == colour).all()
    assert (pixels(out, "ADE_train_00000001_person_seg")[..., 0] == np.where(numbers == 13, 255, 0)).all()
    assert [7, 49] in facts(out)["classes_of_one_colour"], "road and skyscraper"
    (tmp_path / "few.txt").write_text("0 0 0\n1 2 3\n")
    done = export(
        tmp_path / "run", "instructcv", tmp_path / "few", "tasks=panoptic", f"palette_file={tmp_path}/few.txt"
    )
    assert done.returncode == 3 and "class 8 has no colour: the palette has 2" in done.stdout


@pytest.mark.parametrize(
    ("make", "word"), [(datasets.derain, "derain"), (datasets.lol, "enhance"), (datasets.sidd, "denoise")]
)
def test_what_is_restored_is_the_clean_image_itself(make: Make, word: str, tmp_path: Path) -> None:
    out = made("paired", make, tmp_path, "restore")
    (name, *_) = sorted(path.name for path in out.iterdir() if path.is_dir() and path.name[0] != ".")
    assert name.endswith(f"_{word}") and facts(out)["samples"].keys() == {word}
    number = int(name.rpartition("_")[0].rpartition("_")[2])
    assert (pixels(out, name) == np.asarray(datasets.photo(number + 20))).all()


NYU, ADE = "kitchen_0028b", "training/ADE_train_0000000"
BROKEN: dict[str, tuple[str, Make, str, str, str]] = {
    # source, its maker, tasks, an image that goes before the run, a file that is cut before the export
    "pets": ("pets", datasets.pets, "seg", "images/Bengal_7.jpg", "images/Abyssinian_1.jpg"),
    "nyu_mdet": ("nyuv2", datasets.nyu_mdet, "depes", f"{NYU}/rgb_00002.jpg", f"{NYU}/sync_depth_00000.png"),
    "nyu_csv": ("nyuv2", datasets.nyu_csv, "depes", "", "data/nyu2_train/bathroom_0001_out/1.png"),
    "nyu_extracted": ("nyuv2", datasets.nyu_extracted, "depes", "", "nyu_depths/1.png"),
    "ade20k": ("ade20k", datasets.ade20k, "seg", f"annotations/{ADE}1.png", f"images/{ADE}2.jpg"),
    "voc": ("voc", datasets.voc, "det", "JPEGImages/2007_000032.jpg", "JPEGImages/2007_000033.jpg"),
    "sunrgbd": ("sunrgbd", datasets.sunrgbd, "depes", "", "SUNRGBD/xtion/a/0003/depth_bfx/2.png"),
    "classes": ("classes", datasets.classes, "cls", "", "n02085620/a.JPEG"),
    "fss": ("fss", datasets.fss, "seg", "abacus/2.png", "ab_wheel/1.jpg"),
    "derain": ("paired", datasets.derain, "restore", "", "train/target/0.png"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_every_image_of_every_dataset_is_accounted_for(name: str, tmp_path: Path) -> None:
    source, make, tasks, before, after = BROKEN[name]
    data = make(tmp_path / "data")
    if before:
        (data / before).unlink()
    assert given(source, data, tmp_path / "run").returncode == (3 if before else 0)
    (data / after).write_bytes((data / after).read_bytes()[:150])
    done = export(tmp_path / "run", "instructcv", tmp_path / "out", f"tasks={tasks}")
    found = facts(tmp_path / "out")
    rows, left_out = found["rows"], len(found["left_out"])
    assert rows["items"] + rows["refused"] == (
        found["images"] + found["nothing_for_these_tasks"] + left_out + rows["quarantined"] + rows["refused"]
    )
    assert rows["quarantined"] == bool(before)
    if name not in ("voc", "classes", "ade20k", "pets", "fss"):  # whose photo alone was cut
        assert left_out == 1 and done.returncode == 3
    assert f"{left_out} left out, {rows['quarantined']} quarantined, {rows['refused']} refused" in done.stdout


def test_an_export_that_is_killed_twice_and_a_run_of_three_workers_make_the_same_bytes(tmp_path: Path) -> None:
    data = datasets.coco(tmp_path / "coco", copies=14)
    assert given("coco", data, tmp_path / "one").returncode == 0
    assert (
        given("coco", data, tmp_path / "three", "cluster=local", "cluster.num_jobs=3", "shard_size=16").returncode == 0
    )
    options = ["tasks=det,seg,cls"]
    assert export(tmp_path / "one", "instructcv", tmp_path / "whole", *options).returncode == 0
    assert export(tmp_path / "three", "instructcv", tmp_path / "by_three", *options).returncode == 0
    whole = files(tmp_path / "whole")
    assert files(tmp_path / "by_three") == whole and len(whole) > 1000
    cut, kills = tmp_path / "cut", 0
    for least in (10, 150):
        process = subprocess.Popen(
            command("export", tmp_path / "one", "instructcv", cut, *options),
            env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        while process.poll() is None and (not cut.exists() or sum(1 for _ in cut.iterdir()) < least):
            time.sleep(0.005)
        kills += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert kills == 2 and not (cut / "seeds.json").exists()
    assert export(tmp_path / "one", "instructcv", cut, *options).returncode == 0
    assert files(cut) == whole


def test_targets_of_a_network_are_read_as_ours_are() -> None:
    picture = datasets.photo(0)
    drawn = codings.boxed(picture, [(10.0, 8.0, 40.0, 30.0), (50.5, 30.0, 80.0, 55.0)], (0, 0, 255), 4)
    found = codings.boxes_in(drawn)
    assert len(found) == 2 and all(
        np.abs(np.subtract(box, other)).max() <= 1
        for box, other in zip(sorted(found), [(10, 8, 40, 30), (50.5, 30, 80, 55)], strict=True)
    )
