"""What GLaMM and GranD's own programs read: each rule, with a picture that would break it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco
from pycocotools.coco import COCO

from labelyard.generate.exporter import Labels
from labelyard.generate.exporters.common.grand_bodies import referring_records, without_prefix
from labelyard.generate.exporters.common.grand_names import free_name
from labelyard.generate.exporters.common.grounded import Grounded, apart, moved, plain_caption
from labelyard.generate.record import Item
from labelyard.generate.record_json.finished import Finished
from tests.conftest import call
from tests.generate.exporters.conftest import export
from tests.support.grand import HEIGHT, WIDTH, Body, level_4, mask_in

TOP = "GranD_Data"
CAPTIONS, REFERRING = "Grand_Caption_Grounding_lmdb", "Grand_Referring_Expression_lmdb"
HUMAN = "GranDf/annotations/train/GranDf_HA_GCG_train.json"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GranD's files, taken over by a run that does nothing to them."""
    folder = tmp_path_factory.mktemp("grand")
    level_4(folder)
    settings = ["source=grand", f"source.root={folder / 'pictures'}", "pipeline=given"]
    how = ["cluster.num_jobs=1", f"output={folder / 'run'}"]
    done = call("run", f"source.path={folder / 'level-4'}", *settings, *how)
    assert done.returncode == 0 and "9 of 9 items are done" in done.stdout, done.stderr
    assert call("validate", folder / "run").returncode == 0
    return folder


@pytest.fixture(scope="module")
def given(place: Path) -> dict[str, Body]:
    names = sorted(str(path.relative_to(place / "pictures")) for path in (place / "pictures").rglob("*.jpg"))
    return {name: _read(place / "level-4" / f"{name[:-4]}.json")[Path(name).name] for name in names}


def _read(path: Path) -> Any:
    return json.loads(path.read_bytes())


def database(folder: Path) -> dict[str, Any]:
    import lmdb

    with lmdb.open(str(folder), readonly=True, lock=False) as environment, environment.begin() as there:
        found = {bytes(key).decode(): json.loads(bytes(value)) for key, value in there.cursor()}
    assert all([*value] == [key] for key, value in found.items())
    return {key: value[key] for key, value in found.items()}


def keys(folder: Path, split: str) -> list[str]:
    return (folder / f"{folder.name}_{split}.txt").read_text().splitlines()


def test_grand_s_files_come_out_as_they_went_in(place: Path, given: dict[str, Body], tmp_path: Path) -> None:
    done = export(place / "run", "grand", tmp_path / "g")
    assert done.returncode == 0 and "9 records" in done.stdout, done.stderr
    files = sorted(path.relative_to(tmp_path / "g").as_posix() for path in (tmp_path / "g").rglob("*.json"))
    assert len(files) == 9 and "sa_1.json" in files and "pig.json" in files
    (second,) = [name for name in files if name.startswith("sa_1-")]
    places = {"sub/sa_1.jpg": second}
    for name, body in given.items():
        (found,) = _read(tmp_path / "g" / places.get(name, f"{name[:-4]}.json")).values()
        assert found.pop("affordances") == body["affordances"] or name == "quiet.jpg"
        assert found == {key: value for key, value in body.items() if key != "affordances"}, name


def test_in_folders_indented_and_again(place: Path, tmp_path: Path) -> None:
    for _ in range(2):
        done = export(place / "run", "grand", tmp_path / "g", "per_folder=4", "indent=1")
        assert done.returncode == 0, done.stderr
    folders = {path.name: len(list(path.glob("*.json"))) for path in (tmp_path / "g").iterdir() if path.is_dir()}
    assert folders == {"000": 4, "001": 4, "002": 1}
    assert (tmp_path / "g" / "000").glob("*.json").__next__().read_text().count("\n") > 10


@pytest.fixture(scope="module")
def lmdb(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    dest = tmp_path_factory.mktemp("lmdb") / "D"
    done = export(place / "run", "grand_lmdb", dest, "val=0.3")
    assert done.returncode == 3, done.stdout + done.stderr
    assert done.stdout.count("has neither a caption nor an attribute of an object with a mask") == 4
    return dest / TOP


def test_captions_with_the_masks_of_objects(lmdb: Path, given: dict[str, Body]) -> None:
    found = database(lmdb / CAPTIONS)
    assert sorted(found) == ["sa_1.jpg", "sub/sa_1.jpg", "turned.jpg"], "those without captions are left out"
    assert sorted(keys(lmdb / CAPTIONS, "Train") + keys(lmdb / CAPTIONS, "Val")) == sorted(found)
    first, second = found["sub/sa_1.jpg"]
    cat, mat = first["details"]
    assert cat["segmentation"] == given["sa_1.jpg"]["objects"][0]["segmentation"] and mat["segmentation"] is None
    assert cat["bbox"] == given["sa_1.jpg"]["objects"][0]["bbox"] and second["caption"] == "a red cat sits"
    assert all(one["caption"][d["tokens_positive"][0] :].startswith(d["phrase"]) for one in (first, second)
               for d in one["details"])  # fmt: skip


def test_at_most_ten_expressions_those_of_the_best_scores(lmdb: Path) -> None:
    found = database(lmdb / REFERRING)
    assert sorted(found) == ["outside.jpg", "pig.jpg", "sa_1.jpg", "sub/sa_1.jpg", "turned.jpg"]
    assert [one["id"] for one in found["pig.jpg"]] == list(range(2, 12))
    assert found["sa_1.jpg"][0]["attribute"] == "a red cat", "without who is said to speak"
    assert [one["attribute"] for one in found["outside.jpg"]] == ["a car", "a red car"], "those that name its label"
    assert found["outside.jpg"][0]["bbox"] == [250.0, 100.0, float(WIDTH), float(HEIGHT)], "inside the picture"
    assert set(found["sa_1.jpg"][0]) == {"attribute", "id", "bbox", "segmentation"}


def test_pictures_are_links_but_for_those_that_are_turned(lmdb: Path, place: Path) -> None:
    images = lmdb / "images"
    assert (images / "sub" / "sa_1.jpg").samefile(place / "pictures" / "sub" / "sa_1.jpg")
    turned = images / "turned.jpg"
    assert not turned.is_symlink() and Image.open(turned).size == (HEIGHT, WIDTH)
    assert Image.open(turned).getexif().get(0x0112, 1) == 1


def test_the_dense_caption_too_and_copies(place: Path, tmp_path: Path) -> None:
    done = export(place / "run", "grand_lmdb", tmp_path / "D", "dense=true", "val=0", "images=copy")
    assert done.returncode == 3
    found = database(tmp_path / "D" / TOP / CAPTIONS)
    dense = found["sa_1.jpg"][-1]
    assert dense["caption"] == "A red cat is on a mat." and dense["details"][0]["id"] == 0
    assert [one["caption"] for one in found["bare.jpg"]] == ["a dog"]
    assert keys(tmp_path / "D" / TOP / CAPTIONS, "Val") == []
    assert not (tmp_path / "D" / TOP / "images" / "sa_1.jpg").is_symlink()


def test_what_was_written_in_part_is_written_anew(place: Path, lmdb: Path, tmp_path: Path) -> None:
    """As after a kill between parts, and with a key of a record that the run has no longer."""
    dest = tmp_path / "D"
    assert export(place / "run", "grand_lmdb", dest, "val=0.3").returncode == 3
    whole = database(dest / TOP / REFERRING)
    import lmdb as library

    with library.open(str(dest / TOP / REFERRING)) as there, there.begin(write=True) as transaction:
        transaction.put(b"gone.jpg", b"{}")
        transaction.delete(b"pig.jpg")
    notes = (dest / "export.jsonl").read_bytes().splitlines(keepends=True)
    (dest / "export.jsonl").write_bytes(notes[0] + notes[1][:40])
    assert export(place / "run", "grand_lmdb", dest, "val=0.3").returncode == 3
    assert database(dest / TOP / REFERRING) == whole == database(lmdb / REFERRING)
    assert keys(dest / TOP / REFERRING, "Val") == keys(lmdb / REFERRING, "Val")


@pytest.fixture(scope="module")
def gcg(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    dest = tmp_path_factory.mktemp("gcg") / "D"
    done = export(place / "run", "gcg", dest, "eval=true")
    assert done.returncode == 3, done.stdout + done.stderr
    assert done.stdout.count("no phrase of its text 'dense' has a mask") == 3  # pig, quiet, bare
    return dest


def items(dest: Path) -> dict[str, Body]:
    return {item["file_name"]: item for item in _read(dest / HUMAN)}


def test_every_phrase_is_one_place_with_one_mask(gcg: Path) -> None:
    found = items(gcg)
    assert sorted(found)[:2] == ["outside.jpg", "overlap.jpg"] and len(found) == 6
    for item in found.values():
        caption, ends = item["caption"], 0
        assert caption == caption.strip('"').strip() and item["image_id"] == item["file_name"][:-4]
        for phrase, one in sorted(item["groundings"].items(), key=lambda pair: pair[1]["token_positives"]):
            start, end = one["token_positives"]
            assert caption[start:end] == phrase and start >= ends
            ends = end
            (mask,) = one["rle_masks"]
            with Image.open(gcg / "GranDf" / "GranDf_HA_images" / "train" / item["file_name"]) as image:
                assert mask["size"] == [image.height, image.width]
            assert coco.area({**mask, "counts": mask["counts"].encode()}) > 0


def test_overlapping_phrases_repeated_ones_and_quotes(gcg: Path) -> None:
    item = items(gcg)["overlap.jpg"]
    assert item["caption"] == "A man in a blue shirt near a cat, a mat and a cat", "neither quotes nor blanks"
    assert list(item["groundings"]) == ["A man in a blue shirt", "a cat, a mat", "a cat"], "the longest are kept"
    (mask,) = item["groundings"]["A man in a blue shirt"]["rle_masks"]
    both = [mask_in((150, 20, 250, 200)), mask_in((140, 90, 260, 150))]
    expected = np.maximum(*(coco.decode({**m, "counts": m["counts"].encode()}) for m in both))
    assert (coco.decode({**mask, "counts": mask["counts"].encode()}) == expected).all(), "of all it is about"
    stop = items(gcg)["stop.jpg"]
    assert stop["caption"] == "'Stop' says a sign" and list(stop["groundings"]) == ["'Stop'", "a sign"]
    assert list(items(gcg)["sa_1.jpg"]["groundings"]) == ["A red cat"], "what floats is left out"


def test_files_for_the_evaluation_are_coco_s(gcg: Path) -> None:
    captions = COCO(str(gcg / "GranDf/annotations/val_test/val_gcg_coco_caption_gt.json"))
    masks = COCO(str(gcg / "GranDf/annotations/val_test/val_gcg_coco_mask_gt.json"))
    assert sorted(captions.imgs) == sorted(masks.imgs) and len(captions.imgs) == 6
    words = captions.loadAnns(captions.getAnnIds(imgIds=["overlap"]))[0]
    there = masks.loadAnns(masks.getAnnIds(imgIds=["overlap"]))
    assert len(words["labels"]) == len(there) == 3 and all(masks.annToMask(one).sum() == one["area"] for one in there)
    assert (gcg / "GranDf" / "GranDf_HA_images" / "val_test" / "overlap.jpg").exists()


def test_shares_for_the_evaluation_are_not_trained_on(place: Path, tmp_path: Path) -> None:
    done = export(place / "run", "gcg", tmp_path / "D", "val=0.4", "test=0.3", "caption=llava")
    assert done.returncode == 3, done.stderr
    names = {split: _read(tmp_path / f"D/GranDf/annotations/val_test/{split}_gcg_coco_caption_gt.json")
             for split in ("val", "test")}  # fmt: skip
    evaluated = {image["file_name"] for one in names.values() for image in one["images"]}
    assert evaluated.isdisjoint(items(tmp_path / "D")) and len(evaluated) + len(items(tmp_path / "D")) == 2


def texts() -> Iterator[tuple[str, str]]:
    yield 'A cat."', "A cat."
    yield '  "A cat"  ', "A cat"
    yield '"Stop" it says', "'Stop' it says"
    yield 'it says "Stop"', "it says 'Stop'"
    yield '""A" b"', "''A' b'"
    yield "   ", ""


@pytest.mark.parametrize(("text", "plain"), texts())
def test_a_caption_is_as_glamm_will_strip_it(text: str, plain: str) -> None:
    found, lost = plain_caption(text)
    assert found == plain == plain.strip('"').strip()
    assert text[lost : lost + len(plain)].replace('"', "'") == plain.replace('"', "'")


def test_phrases_move_along_and_lose_what_is_gone() -> None:
    empty = mask_in((0, 0, 1, 1))
    there = [Grounded(0, 7, empty), Grounded(8, 12, empty)]  # type: ignore[arg-type]
    caption, lost = plain_caption('" A cat in it"')
    assert [one.in_text(caption) for one in apart(moved(there, caption, lost), caption)] == ["A cat", "in i"]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Assistant: a car", "a car"),
        ("istant: red awning over doorway", "red awning over doorway"),
        ("Assistant a dog", "a dog"),
        ("an assistant in white", "an assistant in white"),
        ("assistant coach", "assistant coach"),
        ("distant hills", "distant hills"),
    ],
)
def test_who_is_said_to_speak_is_no_part_of_an_attribute(text: str, plain: str) -> None:
    assert without_prefix(text) == plain


def test_nothing_is_left_of_a_killed_link(lmdb: Path) -> None:
    assert [name for _, _, names in os.walk(lmdb) for name in names if name.startswith(".")] == []


def test_what_floats_is_in_other_formats_only_where_it_is_asked_for(place: Path, tmp_path: Path) -> None:
    boxes: list[int] = []
    for options, expected in ((["images=false"], 1), (["images=false", "floating=true"], 2)):
        dest = tmp_path / "-".join(options)
        assert export(place / "run", "coco", dest, *options).returncode == 0
        read = COCO(str(dest / "annotations" / "instances_train.json"))
        (image,) = [image for image in read.imgs.values() if image["file_name"] == "sa_1.jpg"]
        assert len(read.getAnnIds(imgIds=[image["id"]])) == expected
        pairs = export(place / "run", "instructcv", tmp_path / f"pairs{expected}", "tasks=det", *options[1:])
        assert pairs.returncode in (0, 3), pairs.stderr
        told = json.loads((tmp_path / f"pairs{expected}" / "report.json").read_text())
        boxes.append(told["samples"]["det"])
    assert boxes[0] < boxes[1]


def test_an_export_of_before_a_format_had_an_option_is_gone_on_with(place: Path, tmp_path: Path) -> None:
    assert export(place / "run", "coco", tmp_path / "c", "images=false").returncode == 0
    notes = (tmp_path / "c" / "export.jsonl").read_text()
    assert '"floating":false,' in notes
    (tmp_path / "c" / "export.jsonl").write_text(notes.replace('"floating":false,', ""))
    done = export(place / "run", "coco", tmp_path / "c", "images=false")
    assert done.returncode == 0, done.stderr


def test_names_that_no_list_or_key_could_hold_are_others() -> None:
    names = Labels([])

    def named(image: str, number: int, inside: bool = False) -> str:
        place = {"file": "a.tar"} if inside else None
        return free_name(Finished(Item(f"{number:016x}", number, image, "", place=place), Path()), True, names)

    assert named("sub/a b.jpg", 1) == "sub/a b.jpg" and named("/data/x/c.jpg", 2) == "c.jpg"
    assert named("sa_0.tar#./sa_1.jpg", 3, inside=True) == "sa_1.jpg" and named("../up/d.jpg", 4) == "d.jpg"
    assert named("elsewhere/c.jpg", 5) == "elsewhere/c.jpg" and named("/other/c.jpg", 6) == f"c-{6:016x}.jpg"
    assert named(" e.jpg", 7) == f"e-{7:016x}.jpg" and named("f\n.jpg", 8) == f"f-{8:016x}.jpg"
    long = named("ä" * 300 + ".jpg", 9)
    assert len(long.encode()) < 255 and long.endswith(f"-{9:016x}.jpg")


def test_an_attribute_may_be_one_text() -> None:
    one = {"bbox": [0, 0, 9, 9], "labels": ["dog_house"], "id": 3, "segmentation": {"size": [9, 9], "counts": "m"}}
    several = ["a thing", "a red dog house", "Assistant: dog house of wood"]
    found = referring_records({"objects": [{**one, "attributes": "a dog"}, {**one, "attributes": several}]})
    assert [entry["attribute"] for entry in found] == ["a dog", "a red dog house", "dog house of wood"]


def test_a_list_without_any_caption_is_not_written(place: Path, tmp_path: Path) -> None:
    done = export(place / "run", "gcg", tmp_path / "D", "caption=elsewhere")
    assert done.returncode == 3 and f"nothing to train on, so {HUMAN} is not written" in done.stdout, done.stderr
    assert not (tmp_path / "D" / HUMAN).exists()
