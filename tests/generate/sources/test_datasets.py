"""Labelled datasets, each in small: what their labels say is in the records, and a worker reads it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labelyard.generate.errors import ItemError
from labelyard.generate.media.load import Load, load
from labelyard.generate.media.metres import values
from labelyard.generate.record import Item, Record, item_id
from labelyard.generate.rows import Entry, Refusal
from labelyard.generate.source import Source
from labelyard.generate.sources.ade20k import Ade20k
from labelyard.generate.sources.auto import Auto
from labelyard.generate.sources.classes import Classes
from labelyard.generate.sources.fss import Fss
from labelyard.generate.sources.nyuv2 import Nyuv2
from labelyard.generate.sources.paired import Paired
from labelyard.generate.sources.pets import Pets
from labelyard.generate.sources.sunrgbd import Sunrgbd
from labelyard.generate.sources.voc import Voc
from labelyard.utils import rle
from labelyard.utils.errors import UserError
from tests.support import datasets
from tests.support.datasets import depth16


def loaded(source: Source) -> list[Record]:
    """As a worker gets them."""
    rows = [row for row in source.entries() if isinstance(row, Entry)]
    return [record_of(row, source) for row in rows]


def record_of(row: Entry, source: Source) -> Record:
    item = Item(item_id(row.image, ""), 0, row.image, "", row.given, row.place, row.known)
    line = json.loads(json.dumps(item.to_json()))  # through the plan
    assert len(json.dumps(line)) < 1000
    return load(Item.from_json(line), source.image_root(), Load())


def refused(source: Source) -> list[Refusal]:
    return [row for row in source.entries() if isinstance(row, Refusal)]


def names(source: Source) -> list[str]:
    return [row.given["image_id"] for row in source.entries() if isinstance(row, Entry)]


def metres(record: Record) -> np.ndarray:
    found: np.ndarray = values(record.images["depth"].image, record.images["depth"].meta)
    return found


@dataclass(frozen=True)
class Layout:
    make: Callable[[Path], Path]
    kind: type[Source]


LAYOUTS = {
    "coco": Layout(datasets.coco, Source),
    "nyu_mdet": Layout(datasets.nyu_mdet, Nyuv2),
    "nyu_csv": Layout(datasets.nyu_csv, Nyuv2),
    "nyu_labelled": Layout(datasets.nyu_labelled, Nyuv2),
    "nyu_extracted": Layout(datasets.nyu_extracted, Nyuv2),
    "ade20k": Layout(datasets.ade20k, Ade20k),
    "pets": Layout(datasets.pets, Pets),
    "voc": Layout(datasets.voc, Voc),
    "sunrgbd": Layout(datasets.sunrgbd, Sunrgbd),
    "classes": Layout(datasets.classes, Classes),
    "fss": Layout(datasets.fss, Fss),
    "derain": Layout(datasets.derain, Paired),
    "lol": Layout(datasets.lol, Paired),
    "sidd": Layout(datasets.sidd, Paired),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_dataset_is_known_by_its_layout_and_its_list_by_its_fingerprint(name: str, tmp_path: Path) -> None:
    path = LAYOUTS[name].make(tmp_path / "data")
    chosen = Auto(path=str(path)).chosen
    assert isinstance(chosen, LAYOUTS[name].kind)
    before = chosen.fingerprint()
    assert type(chosen)(path=str(path)).fingerprint() == before
    for record in loaded(chosen):
        assert record.has_image
        given = chosen.gives()
        assert given and (record.tags or record.instances or record.images or name == "coco")


def test_a_folder_of_folders_of_photos_is_no_dataset(tmp_path: Path) -> None:
    for n in range(3):
        datasets.put(tmp_path / "photos" / f"trip {n}" / f"{n}.jpg", datasets.photo(n))
    assert type(Auto(path=str(tmp_path / "photos")).chosen).__name__ == "Folder"


def test_nyu_depth_of_16_bits_stays_to_the_millimetre(tmp_path: Path) -> None:
    source = Nyuv2(path=str(datasets.nyu_mdet(tmp_path / "nyu")))
    records = loaded(source)
    assert [tag.name for record in records for tag in record.tags] == ["kitchen", "living room", "kitchen"]
    assert names(source) == ["kitchen_0028b_rgb_00000", "living_room_0010a_rgb_00001", "kitchen_0028b_rgb_00002"]
    for number, record in enumerate(records):
        found, expected = metres(record), depth16(number)
        assert np.isnan(found[expected == 0]).all() and found[32, 48] == pytest.approx(7.333)
        assert np.allclose(found[expected > 0], expected[expected > 0] / 1000)
        assert record.images["depth"].place == {"file": source_depth(source, number)}, "not copied"
    assert [row.reason for row in refused(source)] == ["has no depth"]


def source_depth(source: Source, number: int) -> str:
    known = [row.known for row in source.entries() if isinstance(row, Entry)][number]
    assert known is not None
    return str(known["depth"])


def test_nyu_by_a_table_is_read_by_the_bits_of_each_depth(tmp_path: Path) -> None:
    top = datasets.nyu_csv(tmp_path / "nyu")
    eight, sixteen = loaded(Nyuv2(path=str(top)))
    assert names(Nyuv2(path=str(top))) == ["bathroom_0001_out_0", "bathroom_0001_out_1"]
    assert metres(sixteen)[32, 48] == pytest.approx(7.333) and metres(eight)[32, 48] == pytest.approx(7.333, abs=0.04)
    scaled = loaded(Nyuv2(path=str(top), depth_scale=500))[1]
    assert metres(scaled)[32, 48] == pytest.approx(14.666)


def test_nyu_in_matlabs_own_file_is_read_row_by_row_where_it_lies(tmp_path: Path) -> None:
    top = datasets.nyu_labelled(tmp_path / "nyu")
    for path in (top, top / "nyu_depth_v2_labeled.mat"):
        source = Nyuv2(path=str(path))
        records = loaded(source)
        assert [record.tags[0].name for record in records] == ["office", "cafe"], "1 and 3 are for training"
        for number, record in zip((0, 2), records, strict=True):
            assert (np.asarray(record.image) == np.asarray(datasets.photo(number))).all()
            known = depth16(number) > 0
            assert np.allclose(metres(record)[known], depth16(number)[known] / 1000)
            assert [one.label for one in record.instances] == ["night stand", "book shelf"]
            assert record.instances[1].box == (60.0, 50.0, 96.0, 64.0)
            assert record.instances[0].mask is not None
            assert (rle.decode(record.instances[0].mask) == datasets.ellipse((10, 10, 50, 50))).mean() > 0.99
    assert len(loaded(Nyuv2(path=str(top), split="test"))) == 1
    (top / "splits.mat").unlink()
    assert len(loaded(Nyuv2(path=str(top)))) == 3


def test_nyu_extracted_is_scaled_by_its_brightest_pixel(tmp_path: Path) -> None:
    for record in loaded(Nyuv2(path=str(datasets.nyu_extracted(tmp_path / "nyu")))):
        assert metres(record)[32, 48] == pytest.approx(7.333, abs=0.04) and record.tags == []


def test_ade20k_has_an_instance_of_every_class_or_of_every_object(tmp_path: Path) -> None:
    top = datasets.ade20k(tmp_path / "ADEChallengeData2016")
    record = loaded(Ade20k(path=str(top)))[0]
    assert [(one.label, one.extra["given"]) for one in record.instances] == [
        ("wall", {"stuff": True, "category": 1}),
        ("bed", {"stuff": True, "category": 8}),
        ("person", {"stuff": True, "category": 13}),
    ]
    assert names(Ade20k(path=str(top))) == ["ADE_train_00000001", "ADE_train_00000002"]
    record = loaded(Ade20k(path=str(top), objects=True, split="validation"))[0]
    assert [one.label for one in record.instances] == ["person", "person", "wall", "bed"]
    assert record.instances[0].mask is not None and record.instances[0].extra["given"] == {"category": 13}
    assert (rle.decode(record.instances[0].mask) == datasets.ellipse((8, 8, 40, 50))).all()
    (top / "objectInfo150.txt").unlink()
    assert [one.label for one in loaded(Ade20k(path=str(top)))[0].instances] == ["wall", "bed", "person"]
    with pytest.raises(UserError, match="there are training, validation"):
        list(Ade20k(path=str(top), split="train").entries())


def test_pets_have_a_body_a_border_and_of_some_a_head(tmp_path: Path) -> None:
    source = Pets(path=str(datasets.pets(tmp_path / "pets")))
    first, second, _ = loaded(source)
    assert [tag.name for tag in first.tags] == ["Abyssinian", "cat"]
    assert [tag.name for tag in second.tags] == ["american bulldog", "dog"]
    parts = [[one.extra["given"]["part"] for one in record.instances] for record in (first, second)]
    assert parts == [["body", "border", "head"], ["body", "border"]]
    assert first.instances[2].box == (20.0, 10.0, 60.0, 40.0) and first.instances[2].mask is None
    masks = [rle.decode(one.mask) for one in first.instances if one.mask is not None]
    assert not (masks[0] & masks[1]).any() and masks[0].sum() > masks[1].sum() > 0
    assert [row.given["species"] for row in source.entries() if isinstance(row, Entry)] == ["cat", "dog", "cat"]
    with pytest.raises(UserError, match=r"test\.txt is not there, .*; there are trainval\.txt"):
        list(Pets(path=source.path, split="test").entries())


def test_voc_has_boxes_and_the_masks_of_the_same_objects(tmp_path: Path) -> None:
    top = datasets.voc(tmp_path / "VOCdevkit" / "VOC2012")
    masked, _, alone = loaded(Voc(path=str(top.parent)))
    for record in (masked, alone):
        assert [(one.label, one.box) for one in record.instances] == [
            ("aeroplane", (10.0, 10.0, 50.0, 40.0)),
            ("person", (60.0, 20.0, 90.0, 60.0)),
        ]
        assert "given" not in record.instances[0].extra and record.instances[1].extra["given"] == {"difficult": 1}
    assert all(one.mask is None for one in alone.instances)
    with Image.open(top / "SegmentationObject" / "2007_000032.png") as picture:
        numbers = np.asarray(picture)
    for number, one in enumerate(masked.instances, 1):
        assert one.mask is not None and (rle.decode(one.mask) == (numbers == number)).all()
    assert len(loaded(Voc(path=str(top), sets="Segmentation"))) == 2


def test_sunrgbd_turns_the_bits_back_and_leaves_nyu_out(tmp_path: Path) -> None:
    source = Sunrgbd(path=str(datasets.sunrgbd(tmp_path / "sun")))
    records = loaded(source)
    assert len(records) == 2 and source.left_out() == {"images of NYUv2": 1}
    for number, record in zip((0, 2), records, strict=True):
        known = depth16(number) > 0
        assert np.allclose(metres(record)[known], depth16(number)[known] / 1000)
    assert len(set(names(source))) == 2 and len(loaded(Sunrgbd(path=source.path, keep_nyu=True))) == 3


def test_folders_of_classes_give_a_tag_each_by_the_names_that_go_with_them(tmp_path: Path) -> None:
    top = datasets.classes(tmp_path / "imagenet")
    records = loaded(Classes(path=str(top)))
    assert [record.tags[0].name for record in records] == ["tench", "tench", "Chihuahua"]
    (tmp_path / "names.yaml").write_text("n01440764: a fish\n")
    named = loaded(Classes(path=str(top), names=str(tmp_path / "names.yaml"), classes=["a fish"]))
    assert [record.tags[0].name for record in named] == ["a fish", "a fish"]
    with pytest.raises(UserError, match=r"no class 'tensch' .*Did you mean tench"):
        list(Classes(path=str(top), classes=["tensch"]).entries())


def test_fss_has_a_mask_of_each_and_may_be_told_which(tmp_path: Path) -> None:
    top = datasets.fss(tmp_path / "fss")
    source = Fss(path=str(top))
    assert names(source) == [f"{label}_{n}" for label in ("ab_wheel", "abacus") for n in (1, 2, 10)]
    record = loaded(source)[0]
    assert record.instances[0].label == "ab wheel" and record.instances[0].mask is not None
    assert (rle.decode(record.instances[0].mask) == datasets.ellipse((20, 10, 70, 50))).all()
    (tmp_path / "test.txt").write_text("ab_wheel/2.jpg\nab_wheel/2.png\n1.jpg\n")
    listed = Fss(path=str(top), list=str(tmp_path / "test.txt"))
    assert names(listed) == ["ab_wheel_2"] and len(refused(listed)) == 1


@pytest.mark.parametrize(
    ("make", "tag", "count"), [(datasets.derain, "rain", 2), (datasets.lol, "dark", 1), (datasets.sidd, "noise", 2)]
)
def test_pairs_know_what_is_clean(make: Callable[[Path], Path], tag: str, count: int, tmp_path: Path) -> None:
    source = Paired(path=str(make(tmp_path / "data")))
    records = loaded(source)
    assert [record.tags[0].name for record in records] == [tag] * count
    for record in records:
        number = int(Path(record.item.image).stem.rpartition("_")[2])
        assert (np.asarray(record.images["clean"].image) == np.asarray(datasets.photo(number + 20))).all()
    assert len(refused(source)) == (1 if tag == "noise" else 0)


def test_any_two_folders_of_equal_names_are_pairs(tmp_path: Path) -> None:
    datasets.put(tmp_path / "data" / "dull" / "a.jpg", datasets.photo(0))
    datasets.put(tmp_path / "data" / "bright" / "a.png", datasets.photo(1))
    source = Paired(path=str(tmp_path / "data"), kind="lol", input="dull", target="bright")
    (record,) = loaded(source)
    assert record.images["clean"].place == {"file": "bright/a.png"}


LABELS: dict[str, tuple[str, Callable[[Path], Source]]] = {
    "nyu_mdet": ("kitchen_0028b/sync_depth_00000.png", lambda path: Nyuv2(path=str(path))),
    "ade20k": ("annotations/training/ADE_train_00000001.png", lambda path: Ade20k(path=str(path))),
    "pets": ("annotations/trimaps/Abyssinian_1.png", lambda path: Pets(path=str(path))),
    "voc": ("Annotations/2007_000032.xml", lambda path: Voc(path=str(path))),
    "fss": ("ab_wheel/1.png", lambda path: Fss(path=str(path))),
    "derain": ("train/target/0.png", lambda path: Paired(path=str(path))),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_that_are_missing_or_broken_put_their_item_in_quarantine_with_their_name(
    name: str, tmp_path: Path
) -> None:
    file, build = LABELS[name]
    path = LAYOUTS[name].make(tmp_path / "data")
    source = build(path)
    row = next(row for row in source.entries() if isinstance(row, Entry))
    (path / file).unlink()
    with pytest.raises(ItemError, match=file.rpartition("/")[2]):
        record_of(row, source)
    if name not in ("nyu_mdet", "derain"):  # whose images beside are read by whoever wants them
        (path / file).write_bytes(b"nothing of the kind")
        with pytest.raises(ItemError, match=file.rpartition("/")[2]):
            record_of(row, source)


def test_labels_for_another_size_are_refused(tmp_path: Path) -> None:
    path = datasets.fss(tmp_path / "fss")
    datasets.put(path / "ab_wheel" / "1.png", Image.new("L", (10, 12)))
    source: Any = Fss(path=str(path))
    with pytest.raises(ItemError, match=r"labels for an image of 10x12, which has 96x64: ab_wheel/1\.png"):
        loaded(source)
