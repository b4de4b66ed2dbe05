from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from labelyard.generate.exporter import Labels, Part
from labelyard.generate.exporters.voc import Voc, class_name, numbers, painted
from labelyard.generate.record_json.finished import finished
from labelyard.generate.run_folder.layout import RunFolder
from tests.generate.exporters import readers
from tests.generate.exporters.conftest import alike, corners_of, export, mask_of, name_of, picture_of, real


def names(folder: Path, kind: str = "Main") -> list[str]:
    return (folder / "ImageSets" / kind / "train.txt").read_text().splitlines()


@pytest.mark.parametrize("pixels", ["record", "original"])
def test_the_xml_says_what_the_records_say(
    run: Path, bodies: list[dict[str, Any]], tmp_path: Path, pixels: str
) -> None:
    done = export(run, "voc", tmp_path / "v", f"pixels={pixels}")
    assert done.returncode == 0 and "42 records" in done.stdout, done.stderr
    compared = 0
    for name, body in zip(names(tmp_path / "v"), bodies, strict=True):
        tree = ElementTree.parse(tmp_path / "v" / "Annotations" / f"{name}.xml").getroot()
        size = body if pixels == "record" else body["original"]
        assert [tree.findtext(f"size/{side}") for side in ("width", "height", "depth")] == [
            str(size["width"]), str(size["height"]), "3",
        ]  # fmt: skip
        shown = Image.open(tmp_path / "v" / "JPEGImages" / str(tree.findtext("filename")))
        assert shown.size == (size["width"], size["height"])
        assert pixels == "original" or alike(shown, picture_of(body))
        for node, entry in zip(tree.findall("object"), real(body), strict=True):
            compared += 1
            box = [int(node.findtext(f"bndbox/{side}") or "") for side in ("xmin", "ymin", "xmax", "ymax")]
            if pixels == "record":
                left, top, width, height = entry["bbox"]
                assert box == [left + 1, top + 1, left + width, top + height]
            else:
                left, top, right, bottom = entry["original"]["box"]
                assert np.abs(np.array(box) - [left + 1, top + 1, right, bottom]).max() <= 1
                assert 1 <= box[0] <= box[2] <= size["width"] and 1 <= box[1] <= box[3] <= size["height"]
            assert node.findtext("name") == entry["category_name"]
    assert compared > 30


def test_pictures_of_masks_are_the_masks_the_smaller_on_top(
    run: Path, bodies: list[dict[str, Any]], tmp_path: Path
) -> None:
    assert export(run, "voc", tmp_path / "v", "--segments").returncode == 0
    assert names(tmp_path / "v", "Segmentation") == names(tmp_path / "v")
    labels = [line.split(":")[0] for line in (tmp_path / "v" / "labelmap.txt").read_text().splitlines()[1:]]
    untouched = overlapped = 0
    for name, body in zip(names(tmp_path / "v"), bodies, strict=True):
        objects, classes = (
            np.asarray(Image.open(tmp_path / "v" / f"Segmentation{kind}" / f"{name}.png"))
            for kind in ("Object", "Class")
        )
        masks = [mask_of(entry["mask"]) for entry in real(body)]
        union = np.any(masks, axis=0) if masks else np.zeros_like(objects, bool)
        assert ((objects > 0) == union).all() and ((classes > 0) == union).all()
        for number, (mask, entry) in enumerate(zip(masks, real(body), strict=True), 1):
            others = [other for k, other in enumerate(masks, 1) if k != number]
            smaller = [other for other in others if other.sum() < mask.sum()]
            equal = [other for other in others if other.sum() == mask.sum()]
            own = mask & ~np.any([*smaller, *equal, np.zeros_like(mask)], axis=0)
            assert (objects[own] == number).all()
            assert {labels[value] for value in np.unique(classes[objects == number])} <= {entry["category_name"]}
            untouched += bool((own == mask).all())
            overlapped += bool((own != mask).any())
    assert untouched > 10 and overlapped > 0
    with Image.open(next((tmp_path / "v" / "SegmentationClass").iterdir())) as picture:
        palette = picture.getpalette()
        assert picture.mode == "P" and palette is not None and palette[:9] == [0, 0, 0, 128, 0, 0, 0, 128, 0]


@pytest.mark.usefixtures("others")
def test_datumaro_reads_boxes_and_masks(run: Path, bodies: list[dict[str, Any]], tmp_path: Path) -> None:
    assert export(run, "voc", tmp_path / "v", "--segments", "split=val=0.3").returncode == 0
    found = readers.read("voc", tmp_path / "v")
    assert len(found) == len(bodies) and {item["subset"] for item in found.values()} == {"train", "val"}
    boxes = masks = 0
    for body in bodies:
        item = found[name_of(body)]
        assert item["size"] == [body["height"], body["width"]]
        for entry, box in zip(real(body), item.get("bbox", ()), strict=True):
            assert box["label"] == entry["category_name"] and box["corners"] == corners_of(body, entry, "record")
            boxes += 1
        objects = np.asarray(Image.open(tmp_path / "v" / "SegmentationObject" / f"{name_of(body)}.png"))
        for mask in item.get("mask", ()):
            assert (mask_of(mask["mask"]) == (objects == mask["group"])).all()
            assert mask["label"] == real(body)[mask["group"] - 1]["category_name"]
            masks += 1
    assert boxes > 30 and masks > 30


def test_more_classes_than_a_palette_has_are_told_apart_by_their_colours(
    run: Path, bodies: list[dict[str, Any]], tmp_path: Path
) -> None:
    folder, part, labels = RunFolder.open(str(run)), Part(), Labels(known := [f"class {n}" for n in range(4600)])
    exporter = Voc(segments=True)
    exporter.begin(tmp_path, folder)
    exporter.write(tmp_path, 0, list(finished(folder)), part, labels)
    exporter.end(tmp_path, [part], [*known, *labels.take_new()])
    exporter.check(tmp_path, [part])
    lines = [line.split(":") for line in (tmp_path / "labelmap.txt").read_text().splitlines()[1:]]
    label_of = {tuple(map(int, colour.split(","))): label for label, colour, _, _ in lines}
    assert len(label_of) == len(lines) > 4600
    seen = set()
    for body in bodies:
        pixels = np.asarray(Image.open(tmp_path / "SegmentationClass" / f"{name_of(body)}.png").convert("RGB"))
        shown = {label_of[tuple(found)] for found in np.unique(pixels.reshape(-1, 3), axis=0).tolist()}
        assert shown - {"background"} <= {entry["category_name"] for entry in real(body)}
        seen |= shown
    assert len(seen) > 5


def test_pictures_are_numbers_again_whatever_their_colours() -> None:
    for highest in (0, 254, 255, 70_000):
        values = np.arange(highest + 1, dtype=np.int64).reshape(1, -1)
        picture = painted(values)
        assert (numbers(picture) == values).all() and picture.mode == ("P" if highest <= 254 else "RGB")


def test_every_image_has_the_ending_that_torchvision_and_others_put_behind_its_name(run: Path, tmp_path: Path) -> None:
    assert export(run, "voc", tmp_path / "v").returncode == 0
    for name in names(tmp_path / "v"):
        with Image.open(tmp_path / "v" / "JPEGImages" / f"{name}.jpg") as picture:
            assert picture.format == "JPEG"
    assert export(run, "voc", tmp_path / "o", "image=original").returncode == 0
    assert {path.suffix for path in (tmp_path / "o" / "JPEGImages").iterdir()} == {".jpg", ".png"}


def test_a_class_is_called_the_same_in_both_files_and_is_never_the_background() -> None:
    said = {"a:b": "a b", "  # a\tb ": "a b", "#": "object", "background": "background object", "Ü, (x)": "Ü, (x)"}
    assert {label: class_name(label) for label in said} == said
