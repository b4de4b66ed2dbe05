"""What the pairs say is what the dataset says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from labelyard.generate.exporters.instructcv import codings
from labelyard.generate.exporters.instructcv.names import ending_of
from labelyard.utils.atomic import write_atomic
from tests.generate.exporters.instructcv.conftest import export, facts, files, given
from tests.support import datasets


def opened(folder: Path, which: int) -> Image.Image:
    ending = "jpg" if which == 0 else ending_of(folder.name)
    return Image.open(folder / f"{folder.name}_{which}.{ending}")


def folders(pairs: Path, task: str) -> list[Path]:
    found = sorted(path for path in pairs.iterdir() if f"_{task}_" in path.name)
    assert found
    return found


@pytest.fixture(scope="module")
def truth(coco_data: Path) -> COCO:
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(coco_data / "annotations" / "instances_val2017.json"))


def _clean(truth: COCO, category: int) -> str:
    name: str = truth.cats[category]["name"]
    return name.strip().replace(" ", "_").replace("/", "-")


def test_boxes_are_those_of_the_dataset_and_can_be_read_from_the_picture(pairs: Path, truth: COCO) -> None:
    compared = 0
    for folder in folders(pairs, "det"):
        boxes = json.loads((folder / "bbox.json").read_text())["bbox"]
        given = [
            [x, y, x + w, y + h]
            for entry in truth.anns.values()
            for x, y, w, h in [entry["bbox"]]
            if f"{entry['image_id']:012d}_det_{_clean(truth, entry['category_id'])}" == folder.name
        ]
        assert sorted(boxes) == sorted(given)
        found = codings.boxes_in(opened(folder, 1), opened(folder, 0))
        for box in boxes:
            assert any(np.abs(np.subtract(box, other)).max() <= 1 for other in found), folder
            compared += 1
    assert compared >= 8


def test_masks_are_pycocotools_own_and_crowds_are_left_out(
    pairs: Path, truth: COCO, coco_run: Path, tmp_path: Path
) -> None:
    assert export(coco_run, "instructcv", tmp_path / "crowds", "tasks=seg", "crowd=true").returncode == 0
    for top, with_crowds in ((pairs, False), (tmp_path / "crowds", True)):
        for folder in folders(top, "seg"):
            white = np.zeros((datasets.SIZE[1], datasets.SIZE[0]), bool)
            for entry in truth.anns.values():
                if f"{entry['image_id']:012d}_seg_{_clean(truth, entry['category_id'])}" != folder.name:
                    continue
                if with_crowds or not entry["iscrowd"]:
                    white |= truth.annToMask(entry).astype(bool)
            assert white.any() and (codings.mask_in(opened(folder, 1)) == white).all()
            if ending_of(folder.name) == "png":
                assert set(np.unique(np.asarray(opened(folder, 1)))) == {0, 255}


def test_one_colour_says_whether_a_class_is_there_as_the_sentence_has_it(pairs: Path) -> None:
    signs = set()
    for folder in folders(pairs, "cls"):
        sentence, sign = json.loads((folder / "prompt.json").read_text())["edit"], folder.name.rpartition("_")[2]
        shown = codings.colour_in(opened(folder, 1))
        mentioned = [name for name in codings.PALETTE if f" {name}" in sentence]
        assert shown in mentioned and len(mentioned) >= 2
        assert opened(folder, 1).size == opened(folder, 0).size
        signs.add(sign.partition("-")[0])
    assert signs == {"pos", "neg"}
    counts = facts(pairs)
    assert counts["samples"]["cls"] == 2 * sum(1 for folder in folders(pairs, "cls") if folder.name.endswith("_pos")), (
        "one that is absent for each that is there"
    )


def test_inputs_are_the_photos_own_bytes_where_any_reader_sees_the_same_in_them(pairs: Path, coco_data: Path) -> None:
    for path in pairs.glob("*_seg_*/*_0.jpg"):
        number = int(path.name[:12]) - 9
        own = (coco_data / "val2017" / f"{path.name[:12]}.jpg").read_bytes()
        assert (path.read_bytes() == own) == (number not in (2, 3)), (
            "not of a grey one, nor of one that lies on its side"
        )
        with Image.open(path) as picture:
            assert picture.mode == "RGB" and picture.size == datasets.SIZE and not picture.getexif()


def test_every_sample_has_a_name_of_its_own_and_the_ending_that_its_loader_looks_for(pairs: Path) -> None:
    names = {path.name for path in pairs.iterdir() if path.is_dir() and not path.name.startswith(".")}
    assert {"000000000010_det_potted_plant", "000000000010_det_a-b", "000000000011_seg_bed"} <= names
    for name in names:
        assert not {" ", "/"} & set(name) and (pairs / name / f"{name}_1.{ending_of(name)}").exists()
    assert (pairs / "000000000011_seg_detergent" / "000000000011_seg_detergent_1.jpg").exists()
    words = [json.loads((pairs / name / "prompt.json").read_text())["edit"] for name in names if "bed" in name]
    assert words and all("  " not in edit and " ." not in edit for edit in words)


def test_for_instruct_pix2pix_every_target_is_a_jpeg_that_says_the_same(
    pairs: Path, coco_run: Path, tmp_path: Path
) -> None:
    assert export(coco_run, "instructcv", tmp_path / "out", "tasks=seg", "layout=instruct_pix2pix").returncode == 0
    assert list((tmp_path / "out").rglob("*.png")) == []
    for folder in folders(tmp_path / "out", "seg"):
        with Image.open(folder / f"{folder.name}_1.jpg") as shown, opened(pairs / folder.name, 1) as meant:
            assert shown.format == "JPEG" and (codings.mask_in(shown) == codings.mask_in(meant)).all()
        assert (folder / "prompt.json").read_bytes() == (pairs / folder.name / "prompt.json").read_bytes()


def test_two_images_of_one_stem_make_different_samples(tmp_path: Path) -> None:
    for folder, label in (("one", "muscls"), ("two", "muscls"), ("three", "detour")):
        datasets.put(tmp_path / "data" / folder / "7.jpg", datasets.photo(len(folder)))
        (tmp_path / "data" / folder / "7.json").write_text(json.dumps({"kind": label}))
    assert given("folder", tmp_path / "data", tmp_path / "run", "source.caption_key=null").returncode == 0
    done = export(tmp_path / "run", "instructcv", tmp_path / "out", "tasks=cls", "labels=kind", "name={id}_{class}")
    assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_dir() and path.name[0] != ".")
    assert len(names) == 6 and sum(name.startswith("7_muscls-") for name in names) >= 1
    assert facts(tmp_path / "out")["samples"] == {"cls": 6}


def test_the_same_again_makes_the_same_bytes_and_another_seed_others(
    coco_run: Path, pairs: Path, tmp_path: Path
) -> None:
    assert export(coco_run, "instructcv", tmp_path / "again", "--tasks", "['det', 'seg', 'cls']").returncode == 0
    assert files(tmp_path / "again") == files(pairs)
    assert export(coco_run, "instructcv", tmp_path / "other", "tasks=det,seg,cls", "seed=1").returncode == 0
    assert files(tmp_path / "other") != files(pairs)


def test_an_export_that_was_cut_off_goes_on_to_the_same_bytes(
    coco_run: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from labelyard.generate.exporters.instructcv.exporter import InstructCV

    monkeypatch.setattr(InstructCV, "size", 2)
    arguments = (coco_run, "instructcv", tmp_path / "out", "tasks=det,seg,cls")
    written = [0]

    def cut(path: Path, data: bytes, sync: bool = True) -> None:
        written[0] += 1
        if written[0] % 17 == 0:
            raise KeyboardInterrupt
        write_atomic(path, data, sync)

    with monkeypatch.context() as broken:
        broken.setattr("labelyard.generate.exporters.instructcv.layouts.write_atomic", cut)
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                export(*arguments)
        assert not (tmp_path / "out" / "seeds.json").exists()
    assert export(*arguments).returncode == 0
    notes = {name for name in files(pairs) if name.startswith(".parts")}
    assert {n: d for n, d in files(tmp_path / "out").items() if not n.startswith(".parts")} == {
        n: d for n, d in files(pairs).items() if n not in notes
    }


def test_what_is_asked_for_and_is_not_there_is_refused_before_anything_is_written(
    coco_run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for options, said in (
        (["tasks=depes"], "no record of"),
        (["tasks=det,depes"], "what depes needs: images.depth in metres"),
        (["tasks=sgm"], "there is no task 'sgm'. Tasks: det, seg, cls, depes, panoptic, restore. Did you mean seg?"),
        (["tasks="], "give some of det"),
        (["negatives=x"], "negatives=x: give a whole number, or all"),
        (["seg_colour=bleu"], "seg_colour=bleu: no colour"),
        (["split=train=.9,val=.2"], "the shares make 1.1, not 1"),
        (["templates=nowhere"], "templates=nowhere: there is no such folder"),
        (["pixels=record"], "hold no images"),
        (["name={ID}_x"], "name={ID}_x: give a file name"),
        (["parts=3"], "lists of parts are made in layout=evaluation"),
    ):
        done = export(coco_run, "instructcv", out, *options)
        assert done.returncode == 1 and said in done.stderr, (options, done.stderr)
        assert not out.exists()


def test_no_image_is_lost_without_a_word(coco_data: Path, tmp_path: Path) -> None:
    import shutil

    data = tmp_path / "coco"
    shutil.copytree(coco_data, data)
    (data / "val2017" / f"{9:012d}.jpg").unlink()
    assert given("coco", data, tmp_path / "run").returncode == 3
    broken = data / "val2017" / f"{10:012d}.jpg"
    broken.write_bytes(broken.read_bytes()[:500])  # meanwhile
    done = export(tmp_path / "run", "instructcv", tmp_path / "out", "tasks=det,seg")
    assert done.returncode == 3 and "left out:" in done.stdout
    found = facts(tmp_path / "out")
    assert "5 images: 2 with samples, 1 without any, 1 left out, 1 quarantined, 0 refused" in done.stdout
    rows, left_out = found["rows"], len(found["left_out"])
    assert found["images"] + found["nothing_for_these_tasks"] + left_out + rows["quarantined"] + rows["refused"] == 5
    assert not list((tmp_path / "out").glob(f"{10:012d}*")), "no half of a sample"


def test_an_evaluation_layout_has_the_names_of_the_original_and_lists_of_parts(coco_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "image_pairs_evalation"
    assert export(coco_run, "instructcv", out, "layout=evaluation", "tasks=det,seg", "parts=3").returncode == 0
    folder = out / f"{9:012d}_cat_det"
    names = {path.name for path in folder.iterdir()}
    assert names == {f"{9:012d}_0.jpg", f"{9:012d}_1.png", f"{9:012d}_cat_det_gt.png", "bbox.json", "prompt.json"}
    assert (folder / f"{9:012d}_1.png").read_bytes() == (folder / f"{folder.name}_gt.png").read_bytes()
    listed = [line for n in range(3) for line in (out / f"test_part{n}.txt").read_text().splitlines()]
    assert sorted(listed) == sorted(path.name for path in out.iterdir() if path.is_dir() and path.name[0] != ".")


def test_links_take_no_space_and_are_the_same_bytes(
    coco_run: Path, coco_data: Path, pairs: Path, tmp_path: Path
) -> None:
    assert export(coco_run, "instructcv", tmp_path / "out", "tasks=det,seg,cls", "link=true").returncode == 0
    assert files(tmp_path / "out") == files(pairs)
    name = f"{9:012d}_det_cat"
    assert (tmp_path / "out" / name / f"{name}_0.jpg").samefile(coco_data / "val2017" / f"{9:012d}.jpg")


@pytest.mark.slow
def test_datasets_loads_the_folder_of_a_table_by_itself(coco_run: Path, tmp_path: Path) -> None:
    import datasets as hub

    assert export(coco_run, "instructcv", tmp_path / "out", "layout=parquet", "tasks=det").returncode == 0
    found = hub.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert list(found) == ["train"] and found["train"][0]["input_image"].size == datasets.SIZE
    split = ("layout=parquet", "tasks=det", "split=train=.5,test=.5")
    assert export(coco_run, "instructcv", tmp_path / "split", *split).returncode == 0
    found = hub.load_dataset(str(tmp_path / "split"), cache_dir=str(tmp_path / "cache"))
    assert set(found) == {"train", "test"} and isinstance(found["test"][0]["edit_prompt"], str)


def test_a_table_has_the_columns_that_trainers_take_by_default(coco_run: Path, pairs: Path, tmp_path: Path) -> None:
    import pyarrow.parquet

    done = export(
        coco_run, "instructcv", tmp_path / "out", "layout=parquet", "tasks=det,seg,cls", "split=train=.5,test=.5"
    )
    assert done.returncode == 0, done.stderr
    tables = [pyarrow.parquet.read_table(path) for path in sorted((tmp_path / "out").glob("*.parquet"))]
    assert tables[0].column_names[:3] == ["input_image", "edit_prompt", "edited_image"]
    rows = {row["input_image"]["path"][:-6]: row for table in tables for row in table.to_pylist()}
    assert len(rows) == sum(facts(pairs)["samples"].values())
    for name, row in rows.items():
        for column in ("input_image", "edited_image"):
            assert (pairs / name / row[column]["path"]).read_bytes() == row[column]["bytes"]
        assert json.loads((pairs / name / "prompt.json").read_text())["edit"] == row["edit_prompt"]
