"""Links to where public data sets lie, and what is said of what is missing."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from labelyard.launch.layout import main
from labelyard.launch.layouts.contents import names_in
from labelyard.launch.layouts.glamm import GLAMM
from tests.support.glamm import COCO_2014, COCO_2017, farm, picture


@pytest.fixture(scope="module")
def fakes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return farm(tmp_path_factory.mktemp("farm"))


@pytest.fixture
def copied(fakes: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    """Fakes that a test may damage."""
    shutil.copytree(next(iter(fakes.values())).parent, tmp_path / "copied")
    return {name: tmp_path / "copied" / path.name for name, path in fakes.items()}


def layout(*arguments: object) -> tuple[int, str, str]:
    names_in.cache_clear()
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["glamm", *map(str, arguments)])
    return code, out.getvalue(), err.getvalue()


def given(fakes: dict[str, Path]) -> list[str]:
    return [f"{name}={path}" for name, path in fakes.items()]


def listing(folder: Path) -> dict[str, tuple[int, int, str]]:
    """All there is below it, links not followed."""
    found = {}
    for place, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(place, name)
            status = path.lstat()
            target = os.readlink(path) if path.is_symlink() else ""
            found[str(path.relative_to(folder))] = (status.st_mtime_ns, status.st_ino, target)
    return found


def test_every_place_that_is_opened_leads_to_what_was_given(fakes: dict[str, Path], tmp_path: Path) -> None:
    before = listing(fakes["coco"].parent)
    code, said, _ = layout(tmp_path / "D", *given(fakes))
    assert code == 0, said
    assert listing(fakes["coco"].parent) == before, "nothing is written into folders that are given"
    root = tmp_path / "D"
    for dataset in GLAMM.datasets:
        for place in (place for link in dataset.links for place in link.places if dataset.name != "grand"):
            assert (root / place).exists(), place
    for place in ("coco_2014/train2014", "Refer_Segm/coco_2014/train2014", "RefCoco_Reg/coco_2014"):
        assert (root / place / COCO_2014).is_file()
    assert sorted(os.listdir(root / "visual_genome" / "images")) == ["1000.jpg", "1001.jpg"]
    assert "VG_100K + VG_100K_2" in said and "flickr30k-images" in said
    regular = [p for p in root.rglob("*") if p.is_file() and not p.is_symlink() and p.parent == p.parent.resolve()]
    assert regular == [root / "layout.json"], "links only"
    notes = json.loads((root / "layout.json").read_bytes())
    assert {one["state"] for one in notes["datasets"].values()} == {"complete"}
    assert set(notes["folders"]) == set(fakes), "what is sought in another's folder is not given"
    assert notes["tasks"]["GCG"]["can_be_trained"] == "yes" and notes["tasks"]["GranD"]["can_be_trained"] == "no"


def test_the_second_run_changes_nothing_and_mends_what_is_gone(fakes: dict[str, Path], tmp_path: Path) -> None:
    root = tmp_path / "D"
    layout(root, *given(fakes))
    before = listing(root)
    code, said, _ = layout(root)
    assert code == 0 and listing(root) == before
    (root / "coco_2017" / "val2017").unlink()
    (root / "visual_genome" / "images" / "1001.jpg").unlink()
    code, said, _ = layout(root, "--check")
    assert code == 3 and "not linked: coco_2017/val2017" in said and "not linked: visual_genome/images" in said
    assert not (root / "coco_2017" / "val2017").exists(), "--check only looks"
    assert layout(root)[0] == 0 and {*listing(root)} == {*before}


def test_a_check_before_anything_is_linked_writes_nothing(fakes: dict[str, Path], tmp_path: Path) -> None:
    code, said, _ = layout(tmp_path / "D", f"ade20k={fakes['ade20k']}", "--check")
    assert code == 3 and "not linked: Semantic_Segm/ade20k" in said and not (tmp_path / "D").exists()


def gone(copied: dict[str, Path]) -> Iterator[tuple[Path, str]]:
    yield copied["coco"] / "annotations" / "captions_val2017.json", "coco_2017/annotations/captions_val2017.json"
    yield copied["mdetr"] / "finetune_refcoco+_val.json", "RefCoco_Reg/mdetr_annotations/finetune_refcoco+_val.json"
    yield copied["refer"] / "refcocog" / "refs(umd).p", "Refer_Segm/refcocog/refs(umd).p"
    yield copied["refer"] / "refcoco+" / "instances.json", "Refer_Segm/refcoco+/instances.json"
    yield copied["vg"] / "test_caption.json", "visual_genome/test_caption.json"
    yield copied["grandf"] / "annotations/val_test/test_gcg_coco_mask_gt.json", "val_test/test_gcg_coco_mask_gt.json"
    yield copied["grandf"] / "annotations/train/OpenPsgGCG_val.json", "GranDf/annotations/train/OpenPsgGCG_val.json"
    yield copied["ade20k"] / "annotations/training/ADE_train_00000001.png", "training/ADE_train_00000001.png"
    yield copied["mapillary"] / "training/images/0035fkbjWljhaftpVM37-g.jpg", "images/0035fkbjWljhaftpVM37-g.jpg"
    yield copied["refer"] / "images/saiapr_tc-12/19/19579.jpg", "Refer_Segm/images/saiapr_tc-12/19/19579.jpg"
    yield copied["vg"] / "VG_100K_2" / "1001.jpg", "visual_genome/images/1001.jpg"
    yield copied["coco"] / "train2017" / COCO_2017, f"coco_2017/train2017/{COCO_2017}"
    yield copied["coco"] / "train2014" / COCO_2014, f"RefCoco_Reg/coco_2014/{COCO_2014}"


def test_every_file_that_is_missing_is_named(copied: dict[str, Path], tmp_path: Path) -> None:
    missing = list(gone(copied))
    for path, _ in missing:
        path.unlink()
    code, said, _ = layout(tmp_path / "D", *given(copied))
    assert code == 3
    assert [name for _, name in missing if name not in said] == []
    tasks = json.loads((tmp_path / "D" / "layout.json").read_bytes())["tasks"]
    assert tasks["image captions"]["can_be_trained"] == "no"
    assert tasks["region captions"]["can_be_trained"] == "partly"  # annotations of Flickr's pictures are all there
    assert "pictures that" in tasks["GCG"]["classes"]["PSG_GCG train"]


def test_folders_that_hold_nothing_of_it_are_missing(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, said, _ = layout(tmp_path / "D", f"coco={tmp_path / 'empty'}")
    assert code == 3 and "coco2014      missing" in said
    assert "coco_2017/val2017: nothing in" in said and "looked for val2017, images/val2017" in said


def test_annotations_that_no_class_can_read_are_told(copied: dict[str, Path], tmp_path: Path) -> None:
    train = copied["grandf"] / "annotations" / "train"
    (train / "GranDf_HA_GCG_train.json").write_text("[]")
    (train / "OpenPsgGCG_train.json").write_text((train / "OpenPsgGCG_train.json").read_text()[:-30])
    (copied["llava"] / "llava_instruct_150k.json").write_text(json.dumps([{"image": COCO_2017}]))
    (copied["refer"] / "refcoco" / "refs(unc).p").write_bytes(b"cos\nsystem\n(S'touch harm'\ntR.")
    parts = json.loads((copied["pascal_part"] / "train.json").read_bytes())
    parts["categories"][0]["name"] = "cat"
    (copied["pascal_part"] / "train.json").write_text(json.dumps(parts))
    code, said, _ = layout(tmp_path / "D", *given(copied))
    assert code == 3 and not Path("harm").exists()
    for text in (
        "GranDf_HA_GCG_train.json: no entries",
        "OpenPsgGCG_train.json can't be read: Unterminated string",
        "1 of 1 entries lack keys that are read: 0 lacks conversations",
        "refs(unc).p can't be read: it asks for os.system",
        "1 of 1 are not object:part: 'cat'",
    ):
        assert text in said, said


def test_a_sample_looks_at_that_many_pictures(copied: dict[str, Path], tmp_path: Path) -> None:
    for path in (copied["vg"] / "VG_100K").iterdir():
        path.unlink()
    (copied["vg"] / "VG_100K_2" / "1001.jpg").unlink()
    picture(copied["vg"] / "VG_100K" / "7.jpg")
    code, said, _ = layout(tmp_path / "D", f"vg={copied['vg']}", "--sample", 1)
    assert code == 3 and "absent: 1 of 2 that visual_genome/train.json names" in said


def test_links_that_lead_elsewhere_are_told_with_both_targets(fakes: dict[str, Path], tmp_path: Path) -> None:
    root = tmp_path / "D"
    (root / "coco_2017").mkdir(parents=True)
    (root / "coco_2017" / "train2017").symlink_to("/elsewhere")
    code, _, told = layout(root, *given(fakes))
    assert code == 1 and "/elsewhere" in told and str(fakes["coco"] / "train2017") in told
    assert os.listdir(root) == ["coco_2017"], "nothing is made where not all can be"


def test_nothing_is_written_into_what_was_given(
    fakes: dict[str, Path], copied: dict[str, Path], tmp_path: Path
) -> None:
    inside = copied["coco"] / "D"
    assert "nothing is written" in layout(inside, f"coco={copied['coco']}")[2]
    (tmp_path / "D").mkdir()
    (tmp_path / "D" / "coco_2014").symlink_to(copied["vg"])  # the link below it would lie in there
    code, _, told = layout(tmp_path / "D", f"coco={fakes['coco']}", f"vg={copied['vg']}")
    assert code == 1 and "would be a link in" in told and not (copied["vg"] / "train2014").exists()


def test_what_can_t_be_done_is_one_line(fakes: dict[str, Path], tmp_path: Path) -> None:
    for arguments, text in (
        (["cocos=/data"], "Did you mean coco=/data?"),
        (["coco=/nowhere"], "coco=/nowhere: there is no such folder"),
        (["--glamm", tmp_path], "there is no dataset/utils in it"),
        ([], "holds no data set yet"),
        (["--sample", "0", f"coco={fakes['coco']}"], "--sample 0"),
    ):
        code, _, told = layout(tmp_path / "D", *arguments)
        assert code == 1 and text in told and len(told.splitlines()) == 1, told


def test_a_checkout_is_linked_in_or_linked_to(fakes: dict[str, Path], tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    (checkout / "dataset" / "utils").mkdir(parents=True)
    root = tmp_path / "my_images" / "D"
    code, said, _ = layout(root, *given(fakes), "--glamm", checkout, "--into", checkout)
    assert code == 0 and (root / "dataset" / "utils").samefile(checkout / "dataset" / "utils")
    assert (checkout / "data").samefile(root)
    for name in ("coco_2017", "coco_2014", "flikcr_30k"):
        assert (checkout / name).samefile(root / name)
    assert "--dataset_dir ." in said and "--dataset_dir ./data" in said
    assert "holds 'images', which the trainer replaces" in said
