from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from tests.generate.exporters.conftest import export, mask_of, picture_of, real, same_picture


def names(folder: Path, kind: str = "Main") -> list[str]:
    return (folder / "ImageSets" / kind / "default.txt").read_text().splitlines()


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
        assert pixels == "original" or same_picture(shown, picture_of(body))
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
    labels = (tmp_path / "v" / "labels.txt").read_text().splitlines()
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
            assert {labels[value - 1] for value in np.unique(classes[objects == number])} <= {entry["category_name"]}
            untouched += bool((own == mask).all())
            overlapped += bool((own != mask).any())
    assert untouched > 10 and overlapped > 0
    with Image.open(next((tmp_path / "v" / "SegmentationClass").iterdir())) as picture:
        palette = picture.getpalette()
        assert picture.mode == "P" and palette is not None and palette[:9] == [0, 0, 0, 128, 0, 0, 0, 128, 0]
