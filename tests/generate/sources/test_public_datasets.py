"""What a record knows of each public data set that GLaMM trains on, and of GranD: by the fakes of tests/support."""

from __future__ import annotations

import json
import pickle
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labelyard.generate.errors import ItemError
from labelyard.generate.media.load import Load, load
from labelyard.generate.record import Item, Phrase, Record, item_id
from labelyard.generate.rows import Entry, Refusal
from labelyard.generate.source import Source
from labelyard.generate.sources.coco import Coco
from labelyard.generate.sources.gcg import Gcg
from labelyard.generate.sources.grand import Grand
from labelyard.generate.sources.grand_raw import GrandRaw
from labelyard.generate.sources.label_maps import LabelMaps
from labelyard.generate.sources.psg import Psg
from labelyard.generate.sources.refer import Refer
from labelyard.generate.sources.sa1b import Sa1b
from labelyard.generate.sources.train_json import TrainJson
from labelyard.utils import rle
from labelyard.utils.errors import UserError
from tests.generate.sources.formats import add
from tests.support import glamm
from tests.support.glamm import COCO_2014, COCO_2017, FLICKR, HEIGHT, HUMAN, SAIAPR, WIDTH

XYXY = (20.0, 30.0, 120.0, 110.0)


@pytest.fixture(scope="module")
def fakes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return glamm.farm(tmp_path_factory.mktemp("farm"))


def records(source: Source) -> list[Record]:
    """Of all rows, each of which must be an item, as a worker loads them."""
    found = []
    for number, row in enumerate(source.entries()):
        assert isinstance(row, Entry), row
        line = Item(
            item_id(row.image, row.caption), number, row.image, row.caption, row.given, row.place, row.known
        ).to_json()
        record = load(Item.from_json(json.loads(json.dumps(line))), source.image_root(), Load())
        found.append(record)
    return found


def phrases(record: Record, text: str = "caption") -> list[tuple[str, tuple[int, ...]]]:
    found = record.texts[text]
    return [(found.text[p.start : p.end], p.instances) for p in found.phrases]


def area(record: Record, number: int = 0) -> int:
    mask = record.instances[number].mask
    assert mask is not None
    return rle.area(mask)


def test_paco_and_pascal_part_have_labels_as_given_and_things_with_their_parts(fakes: dict[str, Path]) -> None:
    path = fakes["paco"] / "annotations" / "paco_lvis_v1_train.json"
    (record,) = records(Coco(path=str(path), root=str(fakes["coco"]), part_separator=":"))
    whole, part = record.instances
    assert (whole.label, whole.extra, whole.box) == ("bottle_(container)", {}, XYXY)
    assert (part.label, part.extra) == ("bottle_(container):cap", {"object": "bottle", "part": "cap"})
    assert area(record) == 8000
    pictures = fakes["pascal_part"] / "VOCdevkit" / "VOC2010" / "JPEGImages"
    source = Coco(path=str(fakes["pascal_part"] / "train.json"), root=str(pictures), part_separator=":")
    (record,) = records(source)
    assert record.instances[0].extra == {"object": "cat", "part": "head"}


def test_mdetr_s_expressions_are_items_with_phrases(fakes: dict[str, Path]) -> None:
    source = Coco(path=str(fakes["mdetr"] / "finetune_refcoco_train.json"), root=str(fakes["coco"] / "train2014"))
    first, second = records(source)
    assert first.item.image == second.item.image == COCO_2014 and first.item.id != second.item.id
    assert first.caption == "the red cat on the left" and phrases(first) == [("the red cat", (0,))]
    assert phrases(second) == [("a mat", (0,)), ("the cat", (0,))], "a phrase in two pieces"
    assert first.instances[0].box == XYXY and first.instances[0].label == "object"
    assert source.gives()["coco"] == ("instances", "instances.mask", "texts.caption")


def test_flickr_s_sizes_are_text_and_its_masks_have_a_name_of_their_own(fakes: dict[str, Path], tmp_path: Path) -> None:
    body = glamm.flickr(sam_mask=glamm.rle())
    body["annotations"].append(glamm.annotation(9, 1, tokens_positive=[[0, 8]], sam_mask=glamm.rle()))
    glamm.write(tmp_path / "flickr.json", body)
    pictures = fakes["flickr"] / "flickr30k-images"
    source = Coco(path=str(tmp_path / "flickr.json"), root=str(pictures), mask_key="sam_mask")
    first, second = records(source)
    assert phrases(first) == [("Two dogs", (0, 2)), ("a red car", (1,))] and second.caption == "Two dogs"
    assert area(first) == 8000
    body["images"][0]["height"] = "239"
    glamm.write(tmp_path / "flickr.json", body)
    with pytest.raises(ItemError, match="boxes for an image of 320x239"):
        records(source)


def test_a_phrase_beyond_its_caption_takes_its_image_along(fakes: dict[str, Path], tmp_path: Path) -> None:
    body = glamm.flickr()
    body["annotations"][0]["tokens_positive"] = [[0, 99]]
    glamm.write(tmp_path / "flickr.json", body)
    rows = list(Coco(path=str(tmp_path / "flickr.json")).entries())
    assert isinstance(rows[0], Refusal) and "annotation 1 is about 0 to 99 of 23 letters" in str(rows[0])
    assert isinstance(rows[1], Entry)


def test_visual_genome_s_regions_are_instances_with_captions(fakes: dict[str, Path], tmp_path: Path) -> None:
    source = Coco(path=str(fakes["vg"] / "train.json"), root=str(fakes["vg"] / "VG_100K"))
    rows = [row for row in source.entries() if isinstance(row, Entry)]
    assert [row.image for row in rows] == ["1000.jpg", "1001.jpg"]
    (shutil.copy(fakes["vg"] / "VG_100K_2" / "1001.jpg", fakes["vg"] / "VG_100K"))
    first = records(source)[0].instances[0]
    assert (first.caption, first.caption_source) == ("a cat number 1", "given")


def test_all_captions_of_coco_and_the_first_is_the_item_s(fakes: dict[str, Path]) -> None:
    path = fakes["coco"] / "annotations" / "captions_train2017.json"
    (record,) = records(Coco(path=str(path), root=str(fakes["coco"] / "train2017")))
    assert record.caption == "a cat" and record.item.given["captions"] == ["a cat", "a cat sits"]


def test_llava_s_conversations_pass_through_untouched(fakes: dict[str, Path]) -> None:
    path = fakes["llava"] / "llava_instruct_150k.json"
    source = TrainJson(path=str(path), root=str(fakes["coco"] / "train2017"), caption_key=None, keep=["conversations"])
    (row,) = [row for row in source.entries() if isinstance(row, Entry)]
    expected = json.loads(path.read_bytes())[0]["conversations"]
    assert row.image == COCO_2017 and row.given == {"conversations": expected}


@pytest.mark.parametrize(
    ("name", "by", "image", "root"),
    [
        ("refcoco", "unc", COCO_2014, "coco/train2014"),
        ("refcoco+", "unc", COCO_2014, "coco/train2014"),
        ("refcocog", "umd", COCO_2014, "coco/train2014"),
        ("refclef", "unc", SAIAPR, "refer/images/saiapr_tc-12"),
    ],
)
def test_expressions_about_objects(fakes: dict[str, Path], name: str, by: str, image: str, root: str) -> None:
    where: dict[str, Any] = {"path": str(fakes["refer"] / name), "root": str(fakes["refer"].parent / root), "by": by}
    (record,) = records(Refer(**where))
    (instance,) = record.instances
    assert record.item.image == image and instance.label == "cat" and instance.box == XYXY
    expected = {"expressions": ["the red cat", "cat at the left"], "ref_id": 1, "ann_id": 1}
    assert instance.extra == expected and area(record) == 8000, "refclef's mask is a list of run lengths"
    each = records(Refer(**where, per="expression"))
    assert [one.caption for one in each] == ["the red cat", "cat at the left"]
    assert all(one.texts["caption"].phrases == (Phrase(0, len(one.caption), (0,)),) for one in each)
    assert len(records(Refer(**where, split=None))[0].instances) == 2


def test_a_pickle_that_would_call_something_is_refused(fakes: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(fakes["refer"] / "refcoco", tmp_path / "refcoco")
    source = Refer(path=str(tmp_path / "refcoco"))
    (tmp_path / "refcoco" / "refs(unc).p").write_bytes(b"cos\nsystem\n(S'touch harm'\ntR.")
    with pytest.raises(UserError, match=r"it asks for os\.system"):
        list(source.entries())
    (tmp_path / "refcoco" / "refs(unc).p").write_bytes(pickle.dumps(glamm.references(COCO_2014))[:-9])
    with pytest.raises(UserError, match="no whole pickle"):
        list(Refer(path=str(tmp_path / "refcoco")).entries())
    assert not Path("harm").exists()
    with pytest.raises(UserError, match=r"there are: refs\(unc\)\.p"):
        list(Refer(path=str(tmp_path / "refcoco"), by="google").entries())


def test_an_expression_about_nothing_is_refused(fakes: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(fakes["refer"] / "refcoco", tmp_path / "refcoco")
    refs = glamm.references(COCO_2014)
    refs += [{**refs[0], "image_id": 10}, {"ref_id": 5}, {**refs[0], "ann_id": 77}]
    (tmp_path / "refcoco" / "refs(unc).p").write_bytes(pickle.dumps(refs, protocol=2))
    told = [str(row) for row in Refer(path=str(tmp_path / "refcoco")).entries() if isinstance(row, Refusal)]
    assert len(told) == 3 and "entry 3: is no expression" in told[0]
    assert "about annotation 77" in told[1] and "speaks of image 10" in told[2]


def test_label_maps_are_an_instance_a_class(fakes: dict[str, Path]) -> None:
    ade: dict[str, Any] = {
        "path": str(fakes["ade20k"] / "images"),
        "maps": str(fakes["ade20k"] / "annotations"),
        "names": "ade20k",
    }
    (record,) = records(LabelMaps(**ade))
    assert record.item.image == "training/ADE_train_00000001.jpg"
    assert [one.label for one in record.instances] == ["wall", "person"], "1 is the first name, 0 nothing"
    assert record.instances[0].box == (30.0, 10.0, 200.0, 40.0) and area(record) == 30 * 170
    assert record.instances[0].extra == {"is_stuff": 1} and record.instances[0].score == 1.0
    stuff: dict[str, Any] = {"path": str(fakes["coco"] / "train2017"), "maps": str(fakes["cocostuff"] / "train2017")}
    (record,) = records(LabelMaps(**stuff, names="cocostuff"))
    assert [one.label for one in record.instances] == ["person", "building-other", "wall-brick"], "255 is nothing"
    roads = fakes["mapillary"] / "training"
    places: dict[str, Any] = {"path": str(roads / "images"), "maps": str(roads / "v2.0" / "labels")}
    source = LabelMaps(**places, names=str(fakes["mapillary"] / "config_v2.0.json"))
    (record,) = records(source)
    assert [one.label for one in record.instances] == ["Bird", "Curb"]
    assert all(len(json.dumps(row.known)) < 250 for row in source.entries() if isinstance(row, Entry))


def test_a_map_in_pieces_of_another_size_or_with_other_numbers(fakes: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(fakes["ade20k"], tmp_path / "ade")
    where: dict[str, Any] = {"path": str(tmp_path / "ade" / "images"), "maps": str(tmp_path / "ade" / "annotations")}
    place = tmp_path / "ade" / "annotations" / "training" / "ADE_train_00000001.png"
    pixels = np.zeros((HEIGHT, WIDTH), np.uint8)
    pixels[0:5, 0:5] = pixels[50:60, 0:5] = 1
    Image.fromarray(pixels).save(place)
    (record,) = records(LabelMaps(**where, names="ade20k", components=True))
    assert [one.box for one in record.instances] == [(0.0, 0.0, 5.0, 5.0), (0.0, 50.0, 5.0, 60.0)]
    with pytest.raises(ItemError, match="has the number 0, and there are 150 names from 1 on"):
        records(LabelMaps(**where, names="ade20k", ignore=[]))
    Image.fromarray(pixels[:100]).save(place)
    with pytest.raises(ItemError, match="a map of 320x100, for an image of 320x240"):
        records(LabelMaps(**where, names="ade20k"))
    place.unlink()
    (row,) = LabelMaps(**where, names="ade20k").entries()
    assert isinstance(row, Refusal) and "has no map" in str(row)


def test_sa1b_s_masks_are_kept_aside_from_folders_and_tars(tmp_path: Path) -> None:
    for number in (1, 2):
        glamm.sa1b(tmp_path / "folder", number)
    glamm.picture(tmp_path / "folder" / "sa_3.jpg")
    tars = tmp_path / "tars"
    tars.mkdir()
    with tarfile.open(tars / "sa_000000.tar", "w") as tar:
        for number in (1, 2):
            for ending in ("jpg", "json"):
                data = (tmp_path / "folder" / f"sa_{number}.{ending}").read_bytes()
                add(tar, f"./sa_{number}.{ending}", data)
    rows = list(Sa1b(path=str(tmp_path / "folder")).entries())
    assert isinstance(rows[2], Refusal) and "has no .json beside it" in str(rows[2])
    (tmp_path / "folder" / "sa_3.jpg").unlink()
    for source in (Sa1b(path=str(tmp_path / "folder")), Sa1b(path=str(tars))):
        first, _ = records(source)
        aside = first.aside["sa1b"].instances or []
        assert [one.box for one in aside] == [XYXY, (160.0, 120.0, 300.0, 220.0)] and first.instances == []
        assert aside[0].score == 0.97 and aside[0].label == "" and aside[0].mask == glamm.rle()
        assert aside[0].extra == {"predicted_iou": 0.97, "stability_score": 0.98}


def test_a_json_that_is_not_sa1b_s_is_a_reason_for_quarantine(tmp_path: Path) -> None:
    glamm.sa1b(tmp_path, 1)
    source = Sa1b(path=str(tmp_path))
    for change, said in (
        ({"image": {"width": 5, "height": 5}}, "boxes for an image of 5x5"),
        ({"annotations": [{"bbox": [0, 0, 1, 1]}]}, "none of SA-1B's: KeyError"),
    ):
        glamm.write(tmp_path / "sa_1.json", {**glamm.sa1b_json(1), **change})
        with pytest.raises(ItemError, match=said):
            records(source)


def test_grounded_captions_in_both_forms(fakes: dict[str, Path]) -> None:
    train = fakes["grandf"] / "annotations" / "train"
    (record,) = records(
        Gcg(path=str(train / "GranDf_HA_GCG_train.json"), root=str(fakes["grandf"] / "GranDf_HA_images" / "train"))
    )
    assert record.caption == "A cat on a mat." and record.item.image == HUMAN, "without its quotes"
    assert phrases(record) == [("A cat", (0,)), ("a mat", (1, 2))]
    assert [one.label for one in record.instances] == ["A cat", "a mat", "a mat"] and area(record) == 8000
    assert record.instances[0].box == XYXY, "around the mask"
    source = Gcg(path=str(train / "RefCOCOg_GCG_train.json"), root=str(fakes["coco"] / "train2014"))
    (record,) = records(source)
    assert phrases(record) == [("cat on the left", (0,))] and record.instances[0].box == XYXY
    path = train / "flickr_mergedGT_GCG_train.json"
    source_of_flickr = Coco(path=str(path), root=str(fakes["flickr"] / "flickr30k-images"), mask_key="sam_mask")
    assert phrases(records(source_of_flickr)[0]) == [("Two dogs", (0,)), ("a red car", (1,))]


def test_openpsg_s_captions_are_of_the_same_form(fakes: dict[str, Path]) -> None:
    """As GLaMM has made them of it: of COCO's pictures, train and val by one name each."""
    for split in ("train", "val"):
        path = fakes["grandf"] / "annotations" / "train" / f"OpenPsgGCG_{split}.json"
        (record,) = records(Gcg(path=str(path), root=str(fakes["coco"] / "train2017")))
        assert record.item.image == COCO_2017 and record.caption == "A cat on a mat."
        assert phrases(record) == [("A cat", (0,)), ("a mat", (1, 2))] and area(record) == 8000


def psg(folder: Path) -> dict[str, Any]:
    """OpenPSG's own file, as its reader has it: the names of kinds behind the pictures, segments by their colour."""
    numbers = (3648962, 4545879)
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for number, (x0, y0, x1, y1) in zip(numbers, ((20, 30, 120, 110), (120, 30, 300, 220)), strict=True):
        pixels[y0:y1, x0:x1] = [number % 256, number // 256 % 256, number // 65536]
    (folder / "panoptic_train2017").mkdir(parents=True)
    Image.fromarray(pixels).save(folder / "panoptic_train2017" / "000000000009.png")
    glamm.picture(folder / "train2017" / COCO_2017)
    entry = {
        "file_name": f"train2017/{COCO_2017}", "height": HEIGHT, "width": WIDTH, "image_id": "9",
        "pan_seg_file_name": "panoptic_train2017/000000000009.png",
        "segments_info": [
            {"id": numbers[0], "category_id": 1, "iscrowd": 0, "isthing": 1, "area": 8000},
            {"id": numbers[1], "category_id": 2, "iscrowd": 0, "isthing": 0, "area": 34200},
        ],
        "relations": [[0, 1, 1]],
        "annotations": [
            {"bbox": [20.0, 30.0, 120.0, 110.0], "bbox_mode": 0, "category_id": 1},
            {"bbox": [120.0, 30.0, 300.0, 220.0], "bbox_mode": 0, "category_id": 2},
        ],
        "coco_image_id": "9",
    }  # fmt: skip
    names = {"thing_classes": ["person", "cat"], "stuff_classes": ["floor-wood"], "predicate_classes": ["over", "on"]}
    return {"data": [entry], **names, "test_image_ids": ["77"]}


def test_openpsg_s_own_file_gives_segments_and_relations(tmp_path: Path) -> None:
    body = psg(tmp_path / "coco")
    glamm.write(tmp_path / "psg.json", body)
    where: dict[str, Any] = {"path": str(tmp_path / "psg.json"), "root": str(tmp_path / "coco")}
    (record,) = records(Psg(**where, split="train"))
    cat, floor = record.instances
    assert (cat.label, cat.box, cat.extra) == ("cat", XYXY, {}) and area(record) == 8000
    assert (floor.label, floor.extra) == ("floor-wood", {"is_stuff": 1}) and area(record, 1) == 34200
    said = {"subject": "cat", "predicate": "on", "object": "floor-wood", "annos": [0, 1]}
    assert record.found["relations"] == [said] and record.item.given == {"image_id": "9"}
    assert records(Psg(**where, split="test")) == []
    for key, change, why in (
        ("relations", [[0, 2, 1]], "segment 2 of 2"),
        ("annotations", [{"bbox": [0, 0, 1, 1], "bbox_mode": 1}] * 2, "bbox_mode is 1"),
        ("segments_info", [], "ValueError"),
    ):
        glamm.write(tmp_path / "psg.json", {**body, "data": [{**body["data"][0], key: change}, body["data"][0]]})
        refused, good = Psg(**where).entries()
        assert isinstance(refused, Refusal) and why in str(refused) and isinstance(good, Entry)
    body["data"][0]["segments_info"][0]["id"] = 5
    glamm.write(tmp_path / "psg.json", body)
    with pytest.raises(ItemError, match=r"its map has no segment 5 \(cat\)"):
        records(Psg(**where))
    glamm.write(tmp_path / "psg.json", {"data": []})
    with pytest.raises(UserError, match="it has no thing_classes and no stuff_classes"):
        list(Psg(**where).entries())


def test_phrases_that_are_in_no_caption_are_refused(tmp_path: Path) -> None:
    body = glamm.human()
    body["groundings"]["a dog"] = {"token_positives": [40, 50], "rle_masks": [glamm.rle()]}
    glamm.write(tmp_path / "a.json", [glamm.human(), body, 5])
    rows = list(Gcg(path=str(tmp_path / "a.json")).entries())
    assert isinstance(rows[0], Entry) and "the phrase 'a dog' is not in the caption" in str(rows[1])
    assert isinstance(rows[2], Refusal)


def grand_body() -> dict[str, Any]:
    cat = {"bbox": [20.0, 30.0, 120.0, 110.0], "labels": ["cat", "kitten"], "score": 0.9, "attributes": ["a red cat"]}
    more = {"id": 0, "label": "cat", "segmentation": glamm.rle(), "segmentation_source": "SAM"}
    floating = {"bbox": [160.0, 120.0, 300.0, 220.0], "labels": ["mat"], "attributes": None, "id": 4}
    detail = {"phrase": "a cat", "tokens_positive": [0, 5], "id": 0, "bbox": cat["bbox"]}
    lost = {"phrase": "hat", "tokens_positive": [None, None], "id": 4, "bbox": floating["bbox"]}
    both = {"phrase": "A cat on a mat", "tokens_positive": [0, 14], "ids": [0, 4], "bbox": []}
    return {
        "objects": [{**cat, **more, "depth": 12.5}],
        "floating_objects": [floating],
        "floating_attributes": [{"bbox": [1, 2, 3, 4], "labels": [], "score": 0.4, "attributes": ["a dark corner"]}],
        "landmark": {"category": "Indoor scene", "fine_category": "Living space"},
        "affordances": {},
        "id_counter": 5,
        "relationships": {
            "object_ids": [0],
            "floating_object_ids": [4],
            "grounding": [{"phrase": "a cat", "object_ids": [0]}],
        },
        "short_captions": [{"caption": "a cat on a mat", "details": [detail, lost]}],
        "dense_caption": {"caption": "A cat on a mat.", "details": [both]},
        "additional_context": "Cats sleep a lot.",
    }


def test_grand_comes_back_with_all_that_it_says(tmp_path: Path) -> None:
    glamm.picture(tmp_path / "pictures" / "000" / "sa_1.jpg")
    body = grand_body()
    glamm.write(tmp_path / "level-4" / "000" / "sa_1.json", {"sa_1.jpg": body})
    source = Grand(path=str(tmp_path / "level-4"), root=str(tmp_path / "pictures"))
    (record,) = records(source)
    cat, mat = record.instances
    assert (cat.label, cat.extra["labels"], cat.extra["median_depth"]) == ("cat", ["cat", "kitten"], 12.5)
    assert cat.extra["mask_source"] == "SAM" and area(record) == 8000 and "role" not in cat.extra
    assert mat.extra == {"labels": ["mat"], "role": "floating"} and mat.label == "mat"
    assert phrases(record, "blip2") == [("a cat", (0,))], "a phrase without a place is none"
    assert phrases(record, "dense") == [("A cat on a mat", (0, 1))]
    assert record.texts["context"].text == "Cats sleep a lot."
    assert record.found["landmark"]["fine_category"] == "Living space"
    assert record.found["relationships"] == [{"phrase": "a cat", "annos": [0]}]
    assert record.found["floating_attributes"][0]["attributes"] == ["a dark corner"]
    body["objects"][0]["median_depth"] = body["objects"][0].pop("depth")
    glamm.write(tmp_path / "level-4" / "000" / "sa_1.json", {"sa_1": body})
    assert records(source)[0].instances[0].extra["median_depth"] == 12.5, "the older key, and a name without its ending"
    glamm.write(tmp_path / "level-4" / "000" / "sa_1.json", {"sa_1": {"objects": 5}})
    with pytest.raises(ItemError, match="what GranD says of it can't be used"):
        records(source)


def test_grand_s_lmdbs_are_read_by_their_keys(tmp_path: Path) -> None:
    import lmdb

    glamm.picture(tmp_path / "pictures" / "sa_1.jpg")
    body = grand_body()
    caption = body["short_captions"][0]
    referring = {"attribute": "a red cat", "id": 0, "bbox": body["objects"][0]["bbox"], "segmentation": glamm.rle()}
    for name, value in (("captions", [caption]), ("referring", [referring]), ("all", body)):
        with lmdb.open(str(tmp_path / name)) as environment, environment.begin(write=True) as there:
            there.put(b"sa_1.jpg", json.dumps({"sa_1.jpg": value}).encode())

    def read(name: str) -> Record:
        (record,) = records(Grand(path=str(tmp_path / name), root=str(tmp_path / "pictures")))
        return record

    assert phrases(read("captions"), "blip2") == [("a cat", (0,))]
    assert read("referring").instances[0].extra["attributes"] == ["a red cat"]
    assert len(read("all").instances) == 2


def test_predictions_of_grand_s_own_pipeline_are_kept_aside_by_model(tmp_path: Path) -> None:
    glamm.picture(tmp_path / "pictures" / "sa_1.jpg")
    box = {"bbox": [20, 30, 120, 110], "score": 0.9}
    bodies: dict[str, Any] = {
        "ram": {"ram": {"tags": ["cat", "mat"], "scores": [0.9, 0.5]}},
        "co_detr": {"co_detr": [{**box, "label": "cat"}]},
        "eva-02-01": {"eva-02-01": [{**box, "label": "cat", "sam_mask": glamm.rle()}]},
        "owl_vit": {},
        "grit": {"grit": [{**box, "description": "a red cat"}]},
        "mdetr-re": {"mdetr-re": [{"bbox": box["bbox"], "label": "cat", "phrase": "a cat"}]},
        "blip2": {"blip2": "a cat on a mat"},
        "landmark": {"landmark": {"category": "Indoor scene", "fine_category": "Living space"}},
    }
    for model, body in bodies.items():
        glamm.write(tmp_path / "predictions" / model / "sa_1.json", {"sa_1.jpg": body})
    source = GrandRaw(path=str(tmp_path / "predictions"), images=str(tmp_path / "pictures"))
    (record,) = records(source)
    assert [tag.name for tag in record.aside["ram"].tags or []] == ["cat", "mat"]
    assert record.aside["owl_vit"].instances == [] and record.texts["blip2"].text == "a cat on a mat"
    assert [one.label for one in record.aside["grit"].instances or []] == ["a red cat"]
    assert (record.aside["eva-02-01"].instances or [])[0].mask is not None
    assert (record.aside["mdetr-re"].instances or [])[0].extra == {"phrase": "a cat"}
    assert record.found["landmark"]["category"] == "Indoor scene"
    glamm.picture(tmp_path / "pictures" / "sa_2.jpg")
    (refused,) = [row for row in source.entries() if isinstance(row, Refusal)]
    assert "said nothing of it" in str(refused)


def test_a_picture_that_was_turned_upright_takes_no_boxes_of_the_turned_one(tmp_path: Path) -> None:
    glamm.picture(tmp_path / FLICKR, orientation=6)
    glamm.write(tmp_path / "flickr.json", glamm.flickr())
    with pytest.raises(ItemError, match="boxes for an image of 320x240, which has 240x320, turned upright"):
        records(Coco(path=str(tmp_path / "flickr.json")))
