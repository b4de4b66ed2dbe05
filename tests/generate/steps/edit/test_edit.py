"""A picture changed by an instruction: its own in any company, and of its size; and the program for folders of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labelyard.generate.errors import FatalError, ItemError
from labelyard.generate.record import Item, Record, SideImage
from labelyard.generate.steps.contract import as_on_a_gpu, assert_company_does_not_matter, run_on_copies
from labelyard.generate.steps.edit.diffusers import DiffusersEdit
from labelyard.launch import edit_cli
from tests.support.photos import photo
from tests.tiny.pipelines import KLEIN, make_instruct_pix2pix, make_klein, make_kontext

SMALL: dict[str, Any] = {"steps": 2, "dtype": "float32", "resolution": 64, "guidance": 7.5, "image_guidance": 1.5}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_instruct_pix2pix(tmp_path_factory.mktemp("tiny"))


def step(folder: Path, **settings: Any) -> DiffusersEdit:
    made = DiffusersEdit(
        **{"checkpoint": str(folder), "instruction": "segment the %.", "target": "cat", **SMALL, **settings}
    )
    made.name = "edit"
    made.setup("cpu")
    return made


def record(name: str, size: tuple[int, int]) -> Record:
    return Record(Item(name, 0, f"{name}.jpg", ""), image=photo(name).resize(size), caption=f"detect the {name}.")


def test_a_picture_changed_is_its_items_own_and_has_its_size(tiny: Path) -> None:
    ready = step(tiny)
    records = [record("chelsea", (125, 95)), record("coffee", (64, 400)), record("china", (96, 96))]
    assert_company_does_not_matter(ready, records[:2], disturbed=False)
    found = run_on_copies(ready, records)
    assert [one.images["edit"].size for one in found] == [(125, 95), (64, 400), (96, 96)]
    meta = found[0].images["edit"].meta
    assert (meta["instruction"], meta["steps"], meta["guidance"], meta["image_guidance"]) == (
        "segment the cat.",
        2,
        7.5,
        1.5,
    )
    assert isinstance(meta["seed"], int) and meta["resolution"] == 64
    again = run_on_copies(step(tiny), records[:1])[0]
    assert again.images["edit"].encoded() == found[0].images["edit"].encoded()
    other = run_on_copies(step(tiny, seed=1), records[:1])[0]
    assert other.images["edit"].encoded() != found[0].images["edit"].encoded()


@pytest.mark.slow
def test_in_batches_it_differs_by_rounding_only(tiny: Path) -> None:
    records = [record("chelsea", (64, 48)), record("coffee", (64, 48)), record("china", (64, 64))]
    alone = [run_on_copies(step(tiny), [one])[0] for one in records]
    with as_on_a_gpu():
        together = run_on_copies(step(tiny, batch_size=2), records)
    for one, other in zip(alone, together, strict=True):
        pair = [np.asarray(found.images["edit"].image, np.int16) for found in (one, other)]
        assert np.abs(pair[0] - pair[1]).max() <= 2


def test_each_item_may_have_an_instruction_of_its_own(tiny: Path) -> None:
    ready = step(tiny, text="caption", target="", of="images.ref", keep_aspect=False)
    (one,) = [record("chelsea", (64, 48))]
    with pytest.raises(ItemError, match=r"it has no images\.ref"):
        ready([one])
    one.images["ref"] = SideImage(photo("coffee").resize((40, 30)))
    ready([one])
    assert one.images["edit"].meta["instruction"] == "detect the chelsea." and one.images["edit"].size == (40, 30)
    assert ready.reads == ("images.ref", "caption")


def test_what_cannot_be_changed_is_told(tiny: Path) -> None:
    with pytest.raises(ItemError, match="1x300 pixels: too small"):
        step(tiny)([record("chelsea", (1, 300))])
    with pytest.raises(ValueError, match="what does % stand for"):
        DiffusersEdit(instruction="segment the %")
    with pytest.raises(FatalError, match="instruction='': say what is to be done"):
        step(tiny, instruction="")


@pytest.mark.slow
def test_another_family_takes_sizes_by_name(tmp_path: Path) -> None:
    short = {"max_sequence_length": 16, "max_area": 64 * 64, "_auto_resize": False}
    ready = step(make_kontext(tmp_path), image_guidance=None, multiple=16, options=short)
    (one,) = run_on_copies(ready, [record("chelsea", (125, 95))])
    assert one.images["edit"].size == (125, 95)
    with pytest.raises(FatalError, match=r"image_guidance=1.5: FluxKontextPipeline takes no image_guidance_scale"):
        step(tmp_path, multiple=16, options=short)([record("chelsea", (125, 95))])


@pytest.mark.slow
def test_klein_edits_too(tmp_path: Path) -> None:
    how = {"image_guidance": None, "multiple": 16, "resolution": 96, "options": KLEIN, "guidance": 1.0}
    ready = step(make_klein(tmp_path), pipeline="Flux2KleinPipeline", **how)
    first, second = run_on_copies(ready, [record("chelsea", (125, 95)), record("coffee", (90, 90))])
    assert first.images["edit"].size == (125, 95)
    again = run_on_copies(ready, [record("coffee", (90, 90))])[0]
    assert again.images["edit"].encoded() == second.images["edit"].encoded()


FLAGS = ["--resolution", "64", "--steps", "2", "edit.dtype=float32", "cluster=debug"]


def pictures(folder: Path) -> Path:
    for name, size in (("a.jpg", (60, 40)), ("b/a.png", (40, 60)), ("b/a.jpg", (40, 40))):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        photo("chelsea").resize(size).save(folder / name)
    return folder


def test_a_folder_by_the_flags_of_the_original(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    imgs, out = pictures(tmp_path / "imgs"), tmp_path / "outputs"
    command = ["--input", str(imgs), "--output", str(out), "--edit", "segment the cat.", "--ckpt", str(tiny), *FLAGS]
    assert edit_cli.main(command) == 0
    assert "3 of 3 pictures are in" in capsys.readouterr().out
    sizes = {"a.jpg": (60, 40), "b/a.jpg": (40, 40), "b/a.png.jpg": (40, 60)}
    before = {}
    for name, size in sizes.items():
        with Image.open(out / name) as image:
            assert image.size == size and image.format == "JPEG"
        before[name] = (out / name).read_bytes()
    (out / "a.jpg").unlink()
    assert edit_cli.main([*command, "--config", "configs/generate.yaml"]) == 0  # it goes on, and brings them again
    assert "--config configs/generate.yaml: not needed here" in capsys.readouterr().out
    assert {name: (out / name).read_bytes() for name in sizes} == before


def test_samples_say_their_instructions_and_get_predictions_beside_them(tiny: Path, tmp_path: Path) -> None:
    for sample, word in (("x_det", "detect the cat"), ("y_seg", "segment the cat")):
        (tmp_path / "pairs" / sample).mkdir(parents=True)
        photo("chelsea").resize((48, 48)).save(tmp_path / "pairs" / sample / f"{sample[0]}_0.jpg")
        (tmp_path / "pairs" / sample / "prompt.json").write_text(json.dumps({"edit": word}))
    place = str(tmp_path / "pairs")
    assert edit_cli.main(["--input", place, "--output", place, "--ckpt", str(tiny), *FLAGS]) == 0
    for sample in ("x_det", "y_seg"):
        with Image.open(tmp_path / "pairs" / sample / f"{sample}_pred.jpg") as image:
            assert image.size == (48, 48)
    records = (tmp_path / "pairs").glob(".labelyard/run/records/*/*.json")
    said = {json.loads(path.read_text())["images"]["edit"]["instruction"] for path in records}
    assert said == {"detect the cat", "segment the cat"}


def test_what_is_wrong_is_one_line_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    imgs, out = pictures(tmp_path / "imgs"), tmp_path / "outputs"
    for words, told in {
        ("--input", str(imgs), "--output", str(out)): "what is to be done? Say so by --edit",
        ("--input", "nowhere", "--output", str(out), "--edit", "x"): "--input nowhere: there is no such file or folder",
        ("--input", str(imgs), "--output", str(imgs), "--edit", "x"): "would be overwritten",
        ("--input", str(imgs), "--output", str(out), "--task", "seg"): "what does % stand for? Say so by --target",
        ("--input", str(imgs), "--output", str(out), "--task", "sge"): "--task sge: one of det, seg, depes",
        ("--input", str(imgs), "--edit", "x"): "required: --output",
        ("--input", str(imgs), "--output", str(out / "a"), "--edit", "x", "--ckpt", "nobody/has"): "nobody/has",
    }.items():
        assert edit_cli.main(list(words)) == 1
        assert told in capsys.readouterr().err
    assert not out.exists()
