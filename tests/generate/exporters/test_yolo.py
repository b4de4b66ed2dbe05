from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from PIL import Image

from labelyard.generate.exporters.yolo import outline
from labelyard.utils import rle
from tests.generate.exporters import readers
from tests.generate.exporters.conftest import corners_of, export, mask_of, name_of, picture_of, real, same_picture


def drawn(numbers: list[float], width: int, height: int) -> np.ndarray:
    """As YOLO's trainers draw an outline: its points cut off to whole pixels, and filled."""
    points = (np.array(numbers).reshape(-1, 2) * [width, height]).astype(np.int32)
    canvas = np.zeros((height, width), np.uint8)
    cv2.fillPoly(canvas, [points], 1)
    return canvas.astype(bool)


def read(folder: Path, body: dict[str, Any]) -> list[tuple[str, list[float]]]:
    names = yaml.safe_load((folder / "data.yaml").read_text())["names"]
    (path,) = (folder / "labels" / "train").glob(f"*-{body['id']}.txt")
    lines = [line.split() for line in path.read_text().splitlines()]
    return [(names[int(label)], [float(number) for number in numbers]) for label, *numbers in lines]


@pytest.mark.parametrize("pixels", ["record", "original"])
def test_boxes(run: Path, bodies: list[dict[str, Any]], tmp_path: Path, pixels: str) -> None:
    done = export(run, "yolo", tmp_path / "y", f"pixels={pixels}")
    assert done.returncode == 0 and "42 records" in done.stdout, done.stderr
    compared = 0
    for body in bodies:
        size = body if pixels == "record" else body["original"]
        (image,) = (tmp_path / "y" / "images" / "train").glob(f"*-{body['id']}.*")
        assert Image.open(image).size == (size["width"], size["height"])
        assert pixels == "original" or same_picture(Image.open(image), picture_of(body))
        for (label, numbers), entry in zip(read(tmp_path / "y", body), real(body), strict=True):
            left, top, right, bottom = corners_of(body, entry, pixels)
            x, y, w, h = numbers
            found = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
            expected = [left / size["width"], top / size["height"], right / size["width"], bottom / size["height"]]
            assert label == entry["category_name"]
            assert found == pytest.approx(np.clip(expected, 0, 1).tolist(), abs=2e-6)
            compared += 1
    assert compared > 30


@pytest.mark.usefixtures("others")
def test_datumaro_reads_the_boxes(run: Path, bodies: list[dict[str, Any]], tmp_path: Path) -> None:
    assert export(run, "yolo", tmp_path / "y", "split=val=0.3").returncode == 0
    found = readers.read("yolo", tmp_path / "y")
    assert len(found) == len(bodies) and {item["subset"] for item in found.values()} == {"train", "val"}
    for body in bodies:
        item = found[name_of(body)]
        assert item["pixels"] == readers.digest(picture_of(body).tobytes())
        for entry, box in zip(real(body), item.get("bbox", ()), strict=True):
            assert box["label"] == entry["category_name"]
            assert box["corners"] == pytest.approx(corners_of(body, entry, "record"), abs=1e-3)


@pytest.mark.usefixtures("others")
def test_labelformat_reads_the_outlines(run: Path, bodies: list[dict[str, Any]], tmp_path: Path) -> None:
    assert export(run, "yolo", tmp_path / "y", "--segments").returncode == 0
    found = readers.read("labelformat", tmp_path / "y")
    assert len(found) == len(bodies)
    for body in bodies:
        for entry, instance in zip(real(body), found[name_of(body)]["polygon"], strict=True):
            (points,) = instance["polygons"]
            canvas = np.zeros((body["height"], body["width"]), np.uint8)
            cv2.fillPoly(canvas, [np.array(points).astype(np.int32)], 1)
            assert instance["label"] == entry["category_name"] and canvas[mask_of(entry["mask"])].all()


@pytest.mark.parametrize("split", ["null", "val=0.3", "val=0.000001"])
def test_data_yaml_is_as_ultralytics_and_cvat_want_it(
    run: Path, bodies: list[dict[str, Any]], tmp_path: Path, split: str
) -> None:
    """A folder for train and one for val, neither empty. What is no word of the format is a subset to CVAT. Labels are
    sought under the image's own path, with the last /images/ made /labels/."""
    assert export(run, "yolo", tmp_path / "images" / "y", f"split={split}").returncode == 0
    data = yaml.safe_load((tmp_path / "images" / "y" / "data.yaml").read_text())
    assert list(data) == ["train", "val", "names"] and list(data["names"]) == list(range(len(data["names"])))
    images = {path for key in ("train", "val") for path in (tmp_path / "images" / "y" / data[key]).iterdir()}
    assert len(images) == len(bodies) and all(
        any((tmp_path / "images" / "y" / data[k]).iterdir()) for k in data if k != "names"
    )
    assert (data["train"] == data["val"]) == (split != "val=0.3")
    for path in images:
        before, _, behind = str(path).rpartition("/images/")
        assert Path(f"{before}/labels/{behind}").with_suffix(".txt").is_file()


def test_outlines_drawn_again_are_the_masks(run: Path, bodies: list[dict[str, Any]], tmp_path: Path) -> None:
    assert export(run, "yolo", tmp_path / "y", "--segments", "--images", "false").returncode == 0
    assert not (tmp_path / "y" / "images").exists()
    compared = 0
    for body in bodies:
        for (_, numbers), entry in zip(read(tmp_path / "y", body), real(body), strict=True):
            mask = mask_of(entry["mask"])
            pieces = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] - 1
            again = drawn(numbers, body["width"], body["height"])
            assert again[mask].all() and (pieces > 1 or (again == mask).all())
            compared += 1
    assert compared > 30


def test_any_mask_in_one_piece_is_kept_to_the_pixel_holes_and_all() -> None:
    random = np.random.default_rng(0)
    with_holes = single = 0
    for _ in range(200):
        height, width = random.integers(2, 50, 2)
        noise = cv2.GaussianBlur(random.random((height, width)).astype(np.float32), (0, 0), random.uniform(0.3, 4))
        mask = noise > np.quantile(noise, random.uniform(0.1, 0.95))
        numbers = [(at + 0.5) / side for x, y in outline(rle.encode(mask)) for at, side in ((x, width), (y, height))]
        again = drawn([round(number, 6) for number in numbers], width, height)
        assert again[mask].all()
        if cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] == 2:
            single += 1
            with_holes += cv2.connectedComponents((~mask).astype(np.uint8), connectivity=4)[0] > 3
            assert (again == mask).all()
    assert single > 20 and with_holes > 5
    assert outline(rle.empty(4, 5)) == [] and len(outline(rle.encode(np.eye(1, dtype=bool)))) == 3


def test_the_pieces_of_a_mask_are_joined_where_they_are_nearest() -> None:
    mask = np.zeros((40, 40), bool)
    mask[2:10, 2:10] = mask[2:10, 14:22] = mask[14:22, 18:22] = True
    again = drawn([(at + 0.5) / 40 for point in outline(rle.encode(mask)) for at in point], 40, 40)
    assert again[mask].all() and (again & ~mask).sum() == 4 + 4


def test_what_is_no_longer_in_the_run_does_not_stay_among_the_labels(
    run: Path, bodies: list[dict[str, Any]], tmp_path: Path
) -> None:
    assert export(run, "yolo", tmp_path / "y").returncode == 0
    for folder, ending in (("labels", "txt"), ("images", "jpg")):
        (tmp_path / "y" / folder / "train" / f"stranger-0123456789abcdef.{ending}").write_bytes(b"0 0.5 0.5 1 1\n")
    assert export(run, "yolo", tmp_path / "y").returncode == 0
    for folder in ("labels", "images"):
        assert len(list((tmp_path / "y" / folder / "train").iterdir())) == len(bodies)
