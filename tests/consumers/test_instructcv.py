"""InstructCV's own dataset classes load every sample that is made for them, of every dataset and task."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import environment
from tests.consumers.checkouts import checkout
from tests.generate.exporters.instructcv.conftest import export, facts, given
from tests.support import datasets

CHECKOUT = Path(os.environ.get("CONSUMERS", "nowhere")) / "InstructCV"
pytestmark = pytest.mark.skipif(not (CHECKOUT / "edit_dataset.py").exists(), reason="CONSUMERS names no InstructCV")

# Of each: the source, its maker, the tasks, further settings of the run
ALL: dict[str, tuple[str, Callable[[Path], Path], str, list[str]]] = {
    "coco": ("coco", datasets.coco, "det,seg,cls", []),
    "nyu_mdet": ("nyuv2", datasets.nyu_mdet, "depes,cls", []),
    "nyu_csv": ("nyuv2", datasets.nyu_csv, "depes", []),
    "nyu_labelled": ("nyuv2", datasets.nyu_labelled, "depes,seg,det,cls", []),
    "nyu_extracted": ("nyuv2", datasets.nyu_extracted, "depes", []),
    "ade20k": ("ade20k", datasets.ade20k, "seg,cls,panoptic", []),
    "ade20k_objects": ("ade20k", datasets.ade20k, "det,seg,panoptic", ["source.objects=true"]),
    "pets": ("pets", datasets.pets, "det,seg,cls", []),
    "voc": ("voc", datasets.voc, "det,seg,cls", []),
    "sunrgbd": ("sunrgbd", datasets.sunrgbd, "depes", []),
    "classes": ("classes", datasets.classes, "cls", []),
    "fss": ("fss", datasets.fss, "seg", []),
    "derain": ("paired", datasets.derain, "restore", []),
    "lol": ("paired", datasets.lol, "restore", []),
    "sidd": ("paired", datasets.sidd, "restore", []),
}


SPLITS = ("train", "val", "test")
WHOLE = "whole"  # nothing stays out of its list
LAYOUTS = {"image_pairs": [], "evaluation": ["layout=evaluation", "parts=2"], WHOLE: ["split=all=1"]}


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the loader made of every export, by its folder."""
    top = tmp_path_factory.mktemp("consumers")
    folders: list[str] = []
    for name, (source, make, tasks, more) in ALL.items():
        assert given(source, make(top / "data" / name), top / "runs" / name, *more).returncode == 0
        for layout, options in LAYOUTS.items():
            done = export(top / "runs" / name, "instructcv", top / layout / name, f"tasks={tasks}", *options)
            assert done.returncode == 0, done.stdout + done.stderr
            folders.append(str(top / layout / name / ("all" if layout == WHOLE else "")))
    script = Path(__file__).with_name("instructcv_reads.py")
    done = subprocess.run(
        [sys.executable, str(script), str(CHECKOUT), *folders], env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def top_of(folder: str) -> Path:
    return Path(folder).parent if Path(folder).name == "all" else Path(folder)


def test_every_sample_of_every_dataset_loads_in_both_layouts(read: dict[str, Any]) -> None:
    assert len(read) == 3 * len(ALL)
    loaded = 0
    for folder, found in read.items():
        assert found["faults"] == [], folder
        listed = json.loads((Path(folder) / "seeds.json").read_text())
        assert found["eval"] == len(listed) == sum(len(found[split]) for split in SPLITS) > 0
        told = facts(top_of(folder))
        assert sum(told["samples"].values()) == len(listed) + told["not_in_seeds"]
        loaded += found["eval"]
    assert loaded > 250


def test_no_image_is_in_two_of_the_loaders_splits(read: dict[str, Any]) -> None:
    compared = 0
    for folder, found in read.items():
        if Path(folder).name == "all" or not facts(Path(folder))["divisible"]:
            continue
        lines = [
            json.loads(line) for path in Path(folder).glob(".parts/*.jsonl") for line in path.read_text().splitlines()
        ]
        image_of = {name: line["image"] for line in lines for name, _ in line["seeds"]}
        images = [{image_of[name] for name in found[split]} for split in SPLITS]
        assert not (images[0] & images[1] or images[0] & images[2] or images[1] & images[2]), folder
        compared += 1
    assert compared >= 20


def there(folder: str, found: dict[str, Any]) -> set[str]:
    return {*(name for split in SPLITS for name in found[split]), *facts(top_of(folder))["not_in_seeds_names"]}


def test_names_are_those_of_the_originals_own_scripts(read: dict[str, Any]) -> None:
    names = {
        f"{top_of(folder).parent.name}/{top_of(folder).name}": there(folder, found) for folder, found in read.items()
    }
    for place, name in {
        "image_pairs/coco": "000000000009_det_cat",
        "image_pairs/ade20k": "ADE_train_00000001_wall_seg",
        "image_pairs/voc": "2007_000032_aeroplane_seg",
        "image_pairs/fss": "ab_wheel_2_seg",
        "image_pairs/pets": "Abyssinian_1_det",
        "image_pairs/nyu_mdet": "kitchen_0028b_rgb_00000_depes",
        "evaluation/pets": "Abyssinian_1_cls",
        "evaluation/coco": "000000000009_cat_det",
        "evaluation/nyu_csv": "bathroom_0001_out_1_depes",
    }.items():
        assert name in names[place], names[place]


def test_the_originals_reader_of_voc_takes_our_json(tmp_path: Path) -> None:
    """Its body alone: the file around it can't be imported."""
    import ast
    import contextlib
    import io

    from labelyard.launch.voc2coco import main

    voc = datasets.voc(tmp_path / "VOC2012")
    with contextlib.redirect_stdout(io.StringIO()):
        assert main([str(voc)]) == 0
        tree = ast.parse((CHECKOUT / "build_data" / "format_dataset_rp.py").read_text())
        (body,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "preproc_voc"]
        names: dict[str, Any] = {"os": os, "json": json}
        exec(compile(ast.Module([body], []), "format_dataset_rp.py", "exec"), names)  # noqa: S102
        images, classes, numbers = names["preproc_voc"](str(voc))
    assert numbers == {f"2007_{n + 32:06d}.jpg": n + 1 for n in range(3)} and len(classes) == 20
    assert images["1"][1]["bbox"] == [[10, 10, 50, 40]] and len(images["1"][15]["segmentation"]) == 1


@pytest.mark.parametrize("name", ["coco", "nyu_mdet", "derain"])
def test_instruct_pix2pix_s_own_classes_load_what_is_made_for_them(name: str, tmp_path: Path) -> None:
    repository = checkout("instruct-pix2pix")
    source, make, tasks, more = ALL[name]
    assert given(source, make(tmp_path / "data"), tmp_path / "run", *more).returncode == 0
    options = [f"tasks={tasks}", "layout=instruct_pix2pix", "split=all=1"]
    assert export(tmp_path / "run", "instructcv", tmp_path / "out", *options).returncode == 0
    script, folder = Path(__file__).with_name("instructcv_reads.py"), tmp_path / "out" / "all"
    command = [sys.executable, str(script), str(repository), str(folder)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout).values()
    assert found["faults"] == [] and found["eval"] == len(json.loads((folder / "seeds.json").read_text())) > 0
