from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pycocotools.coco import COCO

from tests.generate.exporters.conftest import export, mask_of, picture_of, real, same_picture


@pytest.mark.parametrize("pixels", ["record", "original"])
def test_pycocotools_reads_what_the_records_say(
    run: Path, bodies: list[dict[str, Any]], tmp_path: Path, pixels: str
) -> None:
    done = export(run, "coco", tmp_path / "coco", f"pixels={pixels}")
    assert done.returncode == 0, done.stderr
    read, captions = COCO(str(tmp_path / "coco" / "instances.json")), COCO(str(tmp_path / "coco" / "captions.json"))
    assert list(read.imgs) == [body["data_id"] + 1 for body in bodies]
    instances = 0
    for image, body in zip(read.imgs.values(), bodies, strict=True):
        size = body if pixels == "record" else body["original"]
        assert (image["width"], image["height"]) == (size["width"], size["height"])
        shown = Image.open(tmp_path / "coco" / "images" / image["file_name"])
        assert shown.size == (size["width"], size["height"])
        assert pixels == "original" or same_picture(shown, picture_of(body))
        found = read.loadAnns(read.getAnnIds(imgIds=[image["id"]]))
        for entry, annotation in zip(real(body), found, strict=True):
            instances += 1
            left, top, right, bottom = entry["original"]["box"]
            box = entry["bbox"] if pixels == "record" else [left, top, right - left, bottom - top]
            mask = entry["mask"] if pixels == "record" else entry["original"]["mask"]
            assert annotation["bbox"] == box and annotation["score"] == entry["pred_score"]
            assert (read.annToMask(annotation).astype(bool) == mask_of(mask)).all()
            assert annotation["area"] == mask_of(mask).sum()
            assert read.cats[annotation["category_id"]]["name"] == entry["category_name"]
            assert annotation["caption"] == entry["caption"]
        words = [entry["caption"] for entry in captions.loadAnns(captions.getAnnIds(imgIds=[image["id"]]))]
        assert words == ([body["caption"]] if body["caption"] else [])
    assert instances == len(read.anns) > 30
    assert len({annotation["id"] for annotation in read.anns.values()}) == instances and 0 not in read.anns


def test_fiftyone_s_folder_is_coco_s_under_other_names(run: Path, bodies: list[dict[str, Any]], tmp_path: Path) -> None:
    assert export(run, "fiftyone", tmp_path / "fo", "min_score=0.5").returncode == 0
    read = COCO(str(tmp_path / "fo" / "labels.json"))
    expected = [entry["pred_score"] for body in bodies for entry in real(body) if entry["pred_score"] >= 0.5]
    assert [annotation["score"] for annotation in read.anns.values()] == expected
    names = {path.name for path in (tmp_path / "fo" / "data").iterdir()}
    assert names == {image["file_name"] for image in read.imgs.values()}


def test_an_original_that_is_gone_is_named(run: Path, tmp_path: Path, bodies: list[dict[str, Any]]) -> None:
    import shutil

    gone = run.parent / bodies[3]["file_name"]
    kept = tmp_path / "kept"
    shutil.move(gone, kept)
    try:
        done = export(run, "coco", tmp_path / "coco", "pixels=original")
    finally:
        shutil.move(kept, gone)
    assert done.returncode == 3 and f"no such file: {gone}" in done.stdout and "41 records" in done.stdout
    found = json.loads((tmp_path / "coco" / "instances.json").read_text())
    assert bodies[3]["data_id"] + 1 not in {image["id"] for image in found["images"]}
