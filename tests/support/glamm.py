"""Fakes of the public datasets that GLaMM trains on: each in the shape in which its archive unpacks, and small.

One picture of 320x240 at every place; masks are rectangles.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco

WIDTH, HEIGHT = 320, 240
BOX = [20.0, 30.0, 100.0, 80.0]  # x, y, width, height
POLYGON = [20.0, 30.0, 120.0, 30.0, 120.0, 110.0, 20.0, 110.0]
COCO_2017, COCO_2014 = "000000000009.jpg", "COCO_train2014_000000000009.jpg"
FLICKR, SAIAPR, HUMAN = "1000092795.jpg", "19/19579.jpg", "sa_1.jpg"
CAPTION = "A cat on a mat."
GRANDF_TRAIN = (
    "GranDf_HA_GCG_train", "OpenPsgGCG_train", "OpenPsgGCG_val", "RefCOCOg_GCG_train", "RefCOCOg_GCG_val",
    "flickr_mergedGT_GCG_train", "flickr_mergedGT_GCG_val",
)  # fmt: skip
GRANDF_EVALUATION = [f"{split}_gcg_coco_{kind}_gt" for split in ("val", "test") for kind in ("caption", "mask")]


def rle(x: int = 20, y: int = 30, width: int = 100, height: int = 80) -> dict[str, Any]:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[y : y + height, x : x + width] = 1
    code = coco.encode(np.asfortranarray(mask))
    return {"size": [HEIGHT, WIDTH], "counts": code["counts"].decode()}


def picture(path: Path, orientation: int = 1, colour: tuple[int, int, int] = (90, 120, 60)) -> None:
    """With two patches, so that turned pictures differ; `orientation` as cameras write it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (WIDTH, HEIGHT), colour)
    image.paste((200, 40, 40), (20, 30, 120, 110))
    image.paste((40, 40, 200), (160, 120, 300, 220))
    exif = Image.Exif()
    if orientation != 1:
        exif[0x0112] = orientation
    image.save(path, quality=92, exif=exif)


def label_map(path: Path, *values: int) -> None:
    """Zeros, with a band for each value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((HEIGHT, WIDTH), np.uint8)
    for number, value in enumerate(values):
        pixels[40 * number + 10 : 40 * number + 40, 30:200] = value
    Image.fromarray(pixels).save(path)


def write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def image_entry(name: str, number: int = 9, **more: Any) -> dict[str, Any]:
    return {"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT, **more}


def annotation(number: int = 1, image: int = 9, **more: Any) -> dict[str, Any]:
    return {"id": number, "image_id": image, "category_id": 1, "bbox": BOX, "area": 8000.0, "iscrowd": 0, **more}


def categories(*names: str) -> list[dict[str, Any]]:
    return [{"id": number, "name": name} for number, name in enumerate(names, 1)]


def captions(name: str) -> dict[str, Any]:
    words = [{"id": n, "image_id": 9, "caption": text} for n, text in enumerate(("a cat", "a cat sits"), 1)]
    return {"images": [image_entry(name)], "annotations": words}


def mdetr(name: str, **more: Any) -> dict[str, Any]:
    """The same picture once for each expression; the second has a phrase in two pieces."""
    first, second = "the red cat on the left", "a mat below the cat"
    return {
        "images": [image_entry(name, 1, caption=first), image_entry(name, 2, caption=second)],
        "annotations": [
            annotation(1, 1, tokens_positive=[[0, 11]], segmentation=[POLYGON], **more),
            annotation(2, 2, tokens_positive=[[0, 5], [12, 19]], segmentation=[POLYGON], **more),
        ],
        "categories": categories("object"),
    }


def flickr(**more: Any) -> dict[str, Any]:
    """Sizes as text, several phrases in one caption, and a caption of two words, which GLaMM skips."""
    sizes = {"width": str(WIDTH), "height": str(HEIGHT)}
    first = {"id": 1, "file_name": FLICKR, "caption": "Two dogs near a red car", **sizes}
    return {
        "images": [first, {**first, "id": 2, "caption": "Two dogs"}],
        "annotations": [
            annotation(1, 1, tokens_positive=[[0, 8]], **more),
            annotation(2, 1, tokens_positive=[[14, 23]], **more),
            annotation(3, 2, tokens_positive=[[0, 8]], **more),
        ],
        "categories": categories("object"),
    }


def references(name: str, image: int = 9) -> list[dict[str, Any]]:
    """Their file_name carries the annotation's number, and is no file."""
    sentences = [
        {"sent_id": n, "sent": sent, "raw": f"{sent.capitalize()}.", "tokens": sent.split()}
        for n, sent in enumerate(("the red cat", "cat at the left"), 1)
    ]
    shared = {"category_id": 1, "image_id": image, "file_name": name.replace(".jpg", "_1.jpg")}
    return [
        {"ref_id": 1, "ann_id": 1, "split": "train", "sent_ids": [1, 2], "sentences": sentences, **shared},
        {"ref_id": 2, "ann_id": 2, "split": "val", "sent_ids": [3], "sentences": [{**sentences[0], "sent_id": 3}]}
        | shared,
    ]


def referring(folder: Path, by: str, name: str, segmentation: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"refs({by}).p").write_bytes(pickle.dumps(references(name), protocol=2))
    both = [annotation(1, segmentation=segmentation), annotation(2, segmentation=segmentation)]
    write(
        folder / "instances.json",
        {"images": [image_entry(name)], "annotations": both, "categories": categories("cat")},
    )


def human(name: str = HUMAN, caption: str = f'"{CAPTION}"') -> dict[str, Any]:
    return {
        "file_name": name,
        "image_id": name.removesuffix(".jpg"),
        "caption": caption,
        "groundings": {
            "A cat": {"token_positives": [0, 5], "rle_masks": [rle()]},
            "a mat": {"token_positives": [9, 14], "rle_masks": [rle(160, 120, 140, 100), rle(10, 10, 5, 5)]},
        },
    }


def reference_captions(name: str = COCO_2014) -> dict[str, Any]:
    reference = {"sentence": "cat on the left", "segmentation": [POLYGON], "bbox": BOX}
    return {"9": {"img_file_name": name, "caption": "the cat on the left", "refs": [reference]}}


def sa1b(folder: Path, number: int) -> None:
    """A picture of SA-1B, and what lies beside it."""
    picture(folder / f"sa_{number}.jpg")
    write(folder / f"sa_{number}.json", sa1b_json(number))


def sa1b_json(number: int) -> dict[str, Any]:
    found = {"bbox": BOX, "area": 8000, "segmentation": rle(), "predicted_iou": 0.97, "point_coords": [[70.0, 70.0]]}
    rest = {"crop_box": [0.0, 0.0, float(WIDTH), float(HEIGHT)], "stability_score": 0.98}
    image = {"image_id": number, "width": WIDTH, "height": HEIGHT, "file_name": f"sa_{number}.jpg"}
    second = {"id": 2, **found, "bbox": [160.0, 120.0, 140.0, 100.0], "segmentation": rle(160, 120, 140, 100)}
    return {"image": image, "annotations": [{"id": 1, **found, **rest}, {**second, **rest}]}


def farm(folder: Path) -> dict[str, Path]:
    """All of them, by the names that layout.py gives them."""
    made = (
        _coco, _mdetr, _flickr, _ade20k, _cocostuff, _mapillary, _paco, _pascal_part, _refer, _vg, _llava, _grandf
    )  # fmt: skip
    found: dict[str, Path] = {}
    for make in made:
        name = make.__name__.removeprefix("_")
        make(folder / name)
        found[name] = folder / name
    return found


def _coco(at: Path) -> None:
    for place in (f"train2017/{COCO_2017}", f"val2017/{COCO_2017}", f"train2014/{COCO_2014}"):
        picture(at / place)
    for split in ("train", "val"):
        write(at / "annotations" / f"captions_{split}2017.json", captions(COCO_2017))


def _mdetr(at: Path) -> None:
    for name in ("refcoco_train", "refcocog_train", "refcocog_val", "refcoco+_train", "refcoco+_val"):
        write(at / f"finetune_{name}.json", mdetr(COCO_2014))
    write(at / "final_flickr_mergedGT_train.json", flickr())


def _flickr(at: Path) -> None:
    picture(at / "flickr30k-images" / FLICKR)


def _ade20k(at: Path) -> None:
    picture(at / "images" / "training" / "ADE_train_00000001.jpg")
    label_map(at / "annotations" / "training" / "ADE_train_00000001.png", 1, 13)


def _cocostuff(at: Path) -> None:
    label_map(at / "train2017" / COCO_2017.replace(".jpg", ".png"), 0, 95, 170, 255)


def _mapillary(at: Path) -> None:
    labels = [{"readable": "Bird", "name": "animal--bird"}, {"readable": "Curb", "name": "construction--curb"}]
    write(at / "config_v2.0.json", {"labels": labels})
    picture(at / "training" / "images" / "0035fkbjWljhaftpVM37-g.jpg")
    label_map(at / "training" / "v2.0" / "labels" / "0035fkbjWljhaftpVM37-g.png", 1, 255)


def _paco(at: Path) -> None:
    parts = categories("bottle_(container)", "bottle_(container):cap")
    both = [annotation(1, segmentation=[POLYGON]), annotation(2, segmentation=[POLYGON]) | {"category_id": 2}]
    images = [image_entry(f"train2017/{COCO_2017}")]
    write(at / "annotations" / "paco_lvis_v1_train.json", {"images": images, "annotations": both, "categories": parts})


def _pascal_part(at: Path) -> None:
    picture(at / "VOCdevkit" / "VOC2010" / "JPEGImages" / "2007_000027.jpg")
    images = [image_entry("2007_000027.jpg")]
    found = [annotation(1, segmentation=[POLYGON])]
    write(at / "train.json", {"images": images, "annotations": found, "categories": categories("cat:head")})


def _refer(at: Path) -> None:
    for name, by in (("refcoco", "unc"), ("refcoco+", "unc"), ("refcocog", "umd")):
        referring(at / name, by, COCO_2014, [POLYGON])
    referring(at / "refclef", "unc", SAIAPR, [rle()])
    picture(at / "images" / "saiapr_tc-12" / SAIAPR)


def _vg(at: Path) -> None:
    picture(at / "VG_100K" / "1000.jpg")
    picture(at / "VG_100K_2" / "1001.jpg")
    for name in ("train.json", "test_caption.json"):
        images = [image_entry("1000.jpg", 1), image_entry("1001.jpg", 2)]
        found = [annotation(n, n, caption=f"a cat number {n}") for n in (1, 2)]
        write(at / name, {"images": images, "annotations": found, "categories": categories("object")})


def _llava(at: Path) -> None:
    talk = [{"from": "human", "value": "<image>\nwhat?"}, {"from": "gpt", "value": "a cat"}]
    write(at / "llava_instruct_150k.json", [{"id": COCO_2017[:-4], "image": COCO_2017, "conversations": talk}])


def _grandf(at: Path) -> None:
    files: Mapping[str, Any] = {
        "GranDf_HA": [human()],
        "OpenPsgGCG": [human(COCO_2017)],
        "RefCOCOg": [reference_captions()],
        "flickr": flickr(sam_mask=rle()),
    }
    for name in GRANDF_TRAIN:
        value = next(value for start, value in files.items() if name.startswith(start))
        write(at / "annotations" / "train" / f"{name}.json", value)
    for name in GRANDF_EVALUATION:
        one = {"image_id": "sa_1", "id": 1}
        found: dict[str, Any] = {**one, "caption": CAPTION, "labels": ["A cat"]}
        if "mask" in name:
            found = {**one, "bbox": BOX, "area": 8000, "segmentation": rle(), "iscrowd": 0, "category_id": 1}
        write(at / "annotations" / "val_test" / f"{name}.json", {"images": [{"id": "sa_1"}], "annotations": [found]})
    for split in ("train", "val_test"):
        picture(at / "GranDf_HA_images" / split / HUMAN)
