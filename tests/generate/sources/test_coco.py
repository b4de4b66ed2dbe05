"""COCO's files as pycocotools reads them: the boxes and masks that the list gives."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco
from pycocotools.coco import COCO

from labelyard.generate.errors import ItemError
from labelyard.generate.media.load import Load, load
from labelyard.generate.record import Item, Record, item_id
from labelyard.generate.rows import Entry, Refusal
from labelyard.generate.source import Source
from labelyard.generate.sources.auto import Auto
from labelyard.generate.sources.coco import Coco
from labelyard.utils import rle
from labelyard.utils.errors import UserError
from tests.conftest import call, fake_run, listed
from tests.generate.sources.test_bad_input import error_of, good, refusals
from tests.support import datasets

WIDTH, HEIGHT = 40, 30
POLYGON = [5.0, 5.0, 25.0, 6.0, 20.0, 25.0]


def packed(mask: np.ndarray) -> dict[str, Any]:
    code = coco.encode(np.asfortranarray(mask, np.uint8))
    return {"size": code["size"], "counts": code["counts"].decode()}


def runs(mask: np.ndarray) -> dict[str, Any]:
    flat, counts, value = mask.T.ravel(), [0], 0
    for pixel in flat:
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return {"size": [HEIGHT, WIDTH], "counts": counts}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Four images; annotations before them in the file, in no order."""
    random = np.random.default_rng(0)
    square = np.zeros((HEIGHT, WIDTH), np.uint8)
    square[3:20, 10:31] = 1
    (tmp_path / "pictures").mkdir()
    for n in range(4):
        pixels = random.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "pictures" / f"{n}.png")

    def annotation(number: int, image: int, category: int, box: list[float], mask: Any = None, **more: Any) -> Any:
        mask = {} if mask is None else {"segmentation": mask}
        return {"id": number, "image_id": image, "category_id": category, "bbox": box, **mask, "iscrowd": 0, **more}

    instances = {
        "annotations": [
            annotation(1, 12, 7, [5, 5, 20, 20], [POLYGON]),
            annotation(2, 10, 3, [10.5, 3, 21, 17.25], packed(square), score=0.75),
            annotation(3, 12, 3, [10, 3, 21, 17], runs(square), iscrowd=1),
            annotation(4, 10, 7, [0, 0, 4, 4]),
        ],
        "categories": [{"id": 3, "name": "cat"}, {"id": 7, "name": "dog"}],
        "images": [
            {"id": 10 + n, "file_name": f"pictures/{n}.png", "width": WIDTH, "height": HEIGHT, "license": n}
            for n in range(4)
        ],
    }
    captions = {
        "images": instances["images"],
        "annotations": [{"id": k, "image_id": 10 + k % 4, "caption": f"caption {k}"} for k in range(7)],
    }
    (tmp_path / "instances.json").write_text(json.dumps(instances))
    (tmp_path / "captions.json").write_text(json.dumps(captions))
    return tmp_path


def changed(files: Path, **lists: Any) -> Coco:
    found = json.loads((files / "instances.json").read_text())
    (files / "changed.json").write_text(json.dumps({**found, **lists}))
    return Coco(path=str(files / "changed.json"))


def entries(source: Source) -> list[Entry]:
    return [row for row in source.entries() if isinstance(row, Entry)]


def loaded(source: Source, entry: Entry) -> Record:
    item = Item(item_id(entry.image, entry.caption), 0, entry.image, entry.caption, entry.given, known=entry.known)
    return load(item, source.image_root(), Load())


def test_boxes_and_masks_are_those_that_pycocotools_reads(files: Path) -> None:
    source = Coco(path=str(files / "instances.json"), captions_path=str(files / "captions.json"))
    read = COCO(str(files / "instances.json"))
    found = entries(source)
    assert [entry.image for entry in found] == [f"pictures/{n}.png" for n in range(4)]
    assert [entry.caption for entry in found] == [f"caption {n}" for n in range(4)]
    assert found[1].given["captions"] == ["caption 1", "caption 5"] and found[1].given["license"] == 1
    for entry in found:
        record = loaded(source, entry)
        expected = read.loadAnns(read.getAnnIds(imgIds=[entry.given["coco_id"]]))
        for instance, annotation in zip(record.instances, expected, strict=True):
            left, top, width, height = annotation["bbox"]
            assert instance.box == (left, top, left + width, top + height)
            assert instance.label == read.cats[annotation["category_id"]]["name"]
            assert instance.score == annotation.get("score", 1.0)
            assert (instance.mask is None) == ("segmentation" not in annotation)
            if instance.mask is not None:
                assert (rle.decode(instance.mask) == read.annToMask(annotation).astype(bool)).all()
            assert instance.extra == ({"given": {"iscrowd": 1}} if annotation["iscrowd"] else {})
    assert [len(loaded(source, entry).instances) for entry in found] == [2, 0, 2, 0]


def test_captions_alone_and_boxes_not_wanted(files: Path) -> None:
    (files / "c.json.gz").write_bytes(gzip.compress((files / "captions.json").read_bytes()))
    source = Auto(path=str(files / "c.json.gz"))
    assert type(source.chosen) is Coco and source.gives() == {}
    assert [entry.caption for entry in entries(source)] == [f"caption {n}" for n in range(4)]
    assert Coco(path=str(files / "instances.json")).gives() == {"coco": ("instances", "instances.mask")}
    without = Coco(path=str(files / "instances.json"), instances=False)
    assert without.gives() == {} and not any(entry.known for entry in entries(without))


def test_auto_takes_other_objects_for_what_they_are(files: Path) -> None:
    (files / "lines.json").write_text('{"image": "a.jpg"}\n{"image": "b.jpg"}\n')
    assert "say source=jsonl" in error_of(Auto(path=str(files / "lines.json")))


def test_a_run_on_given_boxes(files: Path) -> None:
    done = call("run", *fake_run(files / "instances.json", files / "out", "pipeline.steps=[caption,embed]"))
    assert done.returncode == 0 and "4 rows: 4 new items" in done.stdout, done.stderr
    bodies = [json.loads(Path(path).read_bytes()) for path in listed(files / "out")]
    boxes = [[entry["original"]["box"] for entry in body["annos"]] for body in bodies]
    assert boxes == [[[10.5, 3, 31.5, 20.25], [0, 0, 4, 4]], [], [[5, 5, 25, 25], [10, 3, 31, 20]], []]
    assert all(entry["caption"] for body in bodies for entry in body["annos"])
    assert call("validate", files / "out").returncode == 0


def test_annotations_that_point_to_no_image(files: Path) -> None:
    found = json.loads((files / "instances.json").read_text())["annotations"]
    stray = {**found[0], "id": 99, "image_id": 4711}
    source = changed(files, annotations=[stray, *found])
    path = files / "changed.json"
    assert refusals(source) == [f"{path}: annotation 99: points to image 4711, which is not among the images"]
    assert len(good(source)) == 4
    said = error_of(changed(files, annotations=[{**entry, "image_id": 4711} for entry in found]))
    assert f"{path}: none of its 4 annotations points to one of the images; the first points to image 4711" in said
    other = Coco(path=str(files / "instances.json"), captions_path=str(path))
    assert "none of its 4 captions" in error_of(other)


def test_images_that_are_no_items(files: Path) -> None:
    images = json.loads((files / "instances.json").read_text())["images"]
    bad = [{"file_name": "x.png"}, {**images[0], "file_name": "twice.png"}, {"id": 77}, 5]
    source = changed(files, images=[*images, *bad])
    said = [text.partition("image ")[2] for text in refusals(source)]
    assert said[0] == "4: has no 'id' that is a number or text"
    assert said[1] == "5: has the id 10 of an earlier image, which has got its annotations"
    assert said[2].startswith("6: has no 'file_name'") and said[3].startswith("7: has no 'id'")
    assert len(good(source)) == 4


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"bbox": [1, 2, 3]}, "annotation 1 has the box [1, 2, 3]"),
        ({"bbox": [1, 2, None, 4]}, "TypeError"),
        ({"category_id": 5}, "annotation 1 is of category 5, which has no name"),
    ],
)
def test_an_annotation_that_can_t_be_used_takes_its_image_along(files: Path, change: Any, reason: str) -> None:
    found = json.loads((files / "instances.json").read_text())["annotations"]
    source = changed(files, annotations=[{**found[0], **change}, *found[1:]])
    (said,) = [row for row in source.entries() if isinstance(row, Refusal)]
    assert "image 2" in str(said) and reason in str(said) and len(good(source)) == 3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"segmentation": [[1.0, 2.0]]}, "a mask that COCO's own code can't read"),
        ({"segmentation": {"size": [3, 3], "counts": "52203"}}, "a mask of [3, 3] rows and columns"),
    ],
)
def test_a_mask_that_can_t_be_used_is_a_reason_for_quarantine(files: Path, change: Any, reason: str) -> None:
    found = json.loads((files / "instances.json").read_text())["annotations"]
    source = changed(files, annotations=[{**found[0], **change}, *found[1:]])
    with pytest.raises(ItemError) as caught:
        loaded(source, entries(source)[2])
    assert reason in str(caught.value)


def test_boxes_for_an_image_of_another_size_are_not_put_on_it(files: Path) -> None:
    source = Coco(path=str(files / "instances.json"))
    Image.new("RGB", (HEIGHT, WIDTH)).save(files / "pictures" / "2.png")
    with pytest.raises(ItemError, match=r"boxes for an image of 40x30, which has 30x40: pictures/2\.png"):
        loaded(source, entries(source)[2])


def test_a_file_that_is_cut_off(files: Path) -> None:
    text = (files / "instances.json").read_text()
    (files / "instances.json").write_text(text[: text.index("pictures/2")])
    said = error_of(Coco(path=str(files / "instances.json")))
    assert "instances.json can't be read as COCO's JSON: after 2 categories" in said and "Was it cut off?" in said


def test_a_folder_as_coco_comes_in_is_read_with_its_images(tmp_path: Path) -> None:
    data = datasets.coco(tmp_path / "coco")
    (data / "val2017" / f"{9:012d}.jpg").unlink()  # the first one of the list
    assert Coco.recognises(data) and isinstance(Auto(path=str(data)).chosen, Coco)
    assert Coco(path=str(data)).image_root() == str(data / "val2017")
    datasets.coco(data, "train2017")
    with pytest.raises(UserError, match=r"source.split=val2017 \(train2017, val2017\)"):
        Coco(path=str(data))
    assert Coco(path=str(data), split="train2017").image_root() == str(data / "train2017")
    with pytest.raises(UserError, match=r"has no instances_test\.json, but train2017, val2017"):
        Coco(path=str(data), split="test")
