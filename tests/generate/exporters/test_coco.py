from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pycocotools.coco import COCO

from tests.generate.exporters import readers
from tests.generate.exporters.conftest import corners_of, export, mask_of, name_of, picture_of, real, same_picture
from tests.launch.made import make_run


@pytest.mark.parametrize("pixels", ["record", "original"])
def test_pycocotools_reads_what_the_records_say(
    run: Path, bodies: list[dict[str, Any]], tmp_path: Path, pixels: str
) -> None:
    done = export(run, "coco", tmp_path / "coco", f"pixels={pixels}")
    assert done.returncode == 0, done.stderr
    read, captions = (
        COCO(str(tmp_path / "coco" / "annotations" / f"{kind}_train.json")) for kind in ("instances", "captions")
    )
    assert list(read.imgs) == [body["data_id"] + 1 for body in bodies]
    instances = 0
    for image, body in zip(read.imgs.values(), bodies, strict=True):
        size = body if pixels == "record" else body["original"]
        assert (image["width"], image["height"]) == (size["width"], size["height"])
        shown = Image.open(tmp_path / "coco" / "images" / "train" / image["file_name"])
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


def test_second_opinions_go_along_and_decide_who_goes(tmp_path: Path, photos: dict[str, Image.Image]) -> None:
    pictures = [photo.convert("RGB").resize((60, 40)) for photo in photos.values()]
    folder = make_run(tmp_path / "run", pictures, number=8)
    folder.write_run({"made_by": {}, "config": {"pipeline": {"steps": []}, "steps": {}, "image_root": str(tmp_path)}})
    told = [json.loads(path.read_bytes()) for path in sorted((tmp_path / "run").glob("records/*/*.json"))]
    kept = {0.0: 0, 0.5: 0}
    for least in kept:
        dest = tmp_path / f"coco {least}"
        assert export(folder.path, "coco", dest, f"min_agreement={least}", "images=false").returncode == 0
        read = COCO(str(dest / "annotations" / "instances_train.json"))
        for body in told:
            wanted = [one.get("agreement") for one in real(body)]
            if least:
                wanted = [one for one in wanted if one and min(one.values()) >= least]
            found = read.loadAnns(read.getAnnIds(imgIds=[body["data_id"] + 1]))
            assert [one.get("agreement") for one in found] == wanted
            kept[least] += len(wanted)
    assert kept[0.0] == 12 > kept[0.5] > 0


@pytest.mark.usefixtures("others")
def test_datumaro_finds_the_subsets_with_their_images_and_masks(
    run: Path, bodies: list[dict[str, Any]], tmp_path: Path
) -> None:
    assert export(run, "coco", tmp_path / "coco", "split=val=0.2,test=0.1").returncode == 0
    found = readers.read("coco", tmp_path / "coco")
    assert len(found) == len(bodies) and {item["subset"] for item in found.values()} == {"train", "val", "test"}
    masks = 0
    for body in bodies:
        item = found[name_of(body)]
        assert item["pixels"] == readers.digest(picture_of(body).tobytes())
        assert [entry["text"] for entry in item.get("caption", ())] == ([body["caption"]] if body["caption"] else [])
        for entry, mask, box in zip(real(body), item.get("mask", ()), item.get("bbox", ()), strict=True):
            masks += 1
            assert mask["label"] == box["label"] == entry["category_name"] and mask["mask"] == entry["mask"]
            assert box["corners"] == corners_of(body, entry, "record")
    assert masks > 30


def test_a_split_is_the_train_list_s(run: Path, tmp_path: Path) -> None:
    options = ("--split", "val=0.2", "--seed", "3")
    assert export(run, "coco", tmp_path / "coco", *options, "--images", "false").returncode == 0
    assert export(run, "train_list", tmp_path / "train.txt", *options).returncode == 0
    for subset in ("train", "val"):
        images = json.loads((tmp_path / "coco" / "annotations" / f"instances_{subset}.json").read_text())["images"]
        records = [
            json.loads(Path(line).read_bytes()) for line in (tmp_path / f"{subset}.txt").read_text().split("\n")[:-1]
        ]
        assert [image["item"] for image in images] == [record["id"] for record in records] and images


def test_names_of_subsets_that_are_none(run: Path, tmp_path: Path) -> None:
    for option, said in (
        ("subset=a/b", "subset=a/b: 'a/b' names folders"),
        ("split=first_val=0.1", "split=first_val=0.1: 'first_val' names folders"),
        ("split=train=0.1", "'train' is what the split leaves"),
        ("split=val=2", "every share lies between 0 and 1"),
    ):
        for kind in ("coco", "yolo", "voc"):
            refused = export(run, kind, tmp_path / kind, option)
            assert refused.returncode == 1 and said in refused.stderr
    refused = export(run, "yolo", tmp_path / "yolo", "subset=names")
    assert refused.returncode == 1 and "'names' is a word of data.yaml's own" in refused.stderr


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
    found = json.loads((tmp_path / "coco" / "annotations" / "instances_train.json").read_text())
    assert bodies[3]["data_id"] + 1 not in {image["id"] for image in found["images"]}
