"""Photos made of a record's picture, as in Graph200K: other subjects, other surroundings, other styles, by every
pipeline that has a preset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from labelyard.generate.errors import FatalError, ItemError
from labelyard.generate.pipeline import Pipeline
from labelyard.generate.record import Instance, Item, Record
from labelyard.generate.settings import target
from labelyard.generate.steps.contract import run_on_copies
from labelyard.generate.steps.depth.depth_maps import picture
from labelyard.generate.steps.fill.diffusers import DiffusersFill
from labelyard.generate.steps.fill.masks import fill_mask, pasted, without_holes
from labelyard.generate.steps.models.diffusers.photos import PhotoStep
from labelyard.generate.steps.style.instant import outlines
from labelyard.utils import rle
from tests.conftest import ROOT
from tests.support.photos import photo
from tests.tiny import pipelines as tiny

SHORT = {"max_sequence_length": 16}
Make = Callable[[Path], Path]
# By preset: which tiny pipeline, and what it needs besides. Behind the line, by `make test-slow`.
PRESETS: dict[str, tuple[Make, dict[str, Any]]] = {
    "fill/flux": (tiny.make_flux_fill, {"options": SHORT}),
    "depth_edit/flux": (tiny.make_flux_control, {"options": SHORT}),
    # ---
    "style/redux": (tiny.make_redux, {"prior": "prior", "options": SHORT}),
    "style/instant": (tiny.make_sdxl, {"controlnet": "control", "adapter": "adapter", "variant": None}),
    "fill/klein": (tiny.make_klein, {"options": {**tiny.KLEIN, "strength": 1.0}, "side": 96}),
    "fill/sdxl": (tiny.make_sdxl, {"options": {"strength": 0.99}, "variant": None}),
    "depth_edit/controlnet": (tiny.make_flux_controlnet, {"controlnet": "control", "options": SHORT}),
    "depth_edit/klein": (tiny.make_klein, {"options": tiny.KLEIN, "side": 96}),
    "style/klein": (tiny.make_klein, {"options": tiny.KLEIN, "side": 96}),
    "reference/edit": (tiny.make_kontext, {"options": {**SHORT, "_auto_resize": False}}),
    "reference/klein": (tiny.make_klein, {"options": tiny.KLEIN, "side": 96}),
}
NAMES = [name if n < 2 else pytest.param(name, marks=pytest.mark.slow) for n, name in enumerate(PRESETS)]
ONE = ("depth_edit", "reference")  # kinds of which a record has one picture
BESIDE = ("controlnet", "adapter", "prior")  # folders beside the pipeline


@pytest.fixture(scope="module")
def styles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("styles")
    for name in ("china", "flower", "coffee", "astronaut"):
        photo(name).resize((80, 70)).save(folder / f"{name}.jpg")
    return folder


def build(name: str, place: Path, styles: Path, **settings: Any) -> PhotoStep:
    preset = yaml.safe_load((ROOT / "conf" / f"{name}.yaml").read_text())
    made_by, values = target(preset.pop("_target_")), {**preset, "side": 64, "steps": 2, "dtype": "float32"}
    own = {key: str(place / value) if key in BESIDE else value for key, value in PRESETS[name][1].items()}
    own |= {"adapter_file": "sdxl_models/ip.safetensors"} if "adapter" in own else {}
    own |= {"folder": str(styles)} if name.startswith("style") else {}
    own |= {"count": 2} if not name.startswith(ONE) else {}
    step: PhotoStep = made_by(**{**values, "checkpoint": str(place), **own, **settings})
    step.name = "Made"
    step.setup("cpu")
    return step


def record(name: str, item: str = "a", size: tuple[int, int] = (120, 100)) -> Record:
    found = Record(Item(item, 0, f"{name}.jpg", ""), image=photo(name).resize(size), caption="a photo")
    mask = np.zeros(size[::-1], bool)
    mask[40:60, 50:80] = True
    found.instances = [Instance((50, 40, 80, 60), 0.9, "cat", mask=rle.encode(mask))]
    things = [{"name": f"a {word} dog", "description": f"A {word} dog sits there."} for word in ("red", "small", "old")]
    found.found = {
        "description": {"item": "a cat", "description_0": "It looks at you."},
        "proposals": {"replacements": things, "scene": "It stands on a beach."},
    }
    depth = np.linspace(1, 2, size[0] * size[1], dtype=np.float32).reshape(size[::-1])
    found.images["depth"] = picture(depth, "inverse")
    return found


def made(found: Record) -> dict[str, bytes]:
    return {
        name: image.encoded() for name, image in found.images.items() if name.startswith("Made") and "ref" not in name
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_photo_is_its_items_own(name: str, tmp_path: Path, styles: Path) -> None:
    make, _ = PRESETS[name]
    folder = make(tmp_path / "tiny")
    step = build(name, folder, styles)
    records = [record("chelsea"), record("coffee", "b", (90, 110))]
    first, second = run_on_copies(step, records)
    assert made(run_on_copies(step, records[1:])[0]) == made(second)  # alone, and a second time
    other = made(run_on_copies(build(name, folder, styles, seed=1), records[:1])[0])
    assert not {*other.values()} & {*made(first).values()}
    count = 1 if name.startswith(ONE) else 2
    assert len({*made(first).values(), *made(second).values()}) == 2 * count
    for one, size in ((first, (120, 100)), (second, (90, 110))):
        for key in made(one):
            image = one.images[key]
            assert image.size == size and image.ending == "jpg"
            assert image.meta["prompt"] and isinstance(image.meta["seed"], int) and image.meta["steps"] == 2
    assert {field for field in step.writes if field.startswith("images.")} == {
        f"images.{key}" for key in first.images if key.startswith("Made")
    }


def test_every_preset_is_tried() -> None:
    there = {
        f"{kind}/{path.stem}"
        for kind in ("fill", "depth_edit", "style", "reference")
        for path in (ROOT / "conf" / kind).glob("*.yaml")
        if path.stem != "cutout"
    }
    assert there == set(PRESETS)


@pytest.fixture(scope="module")
def filler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make_flux_fill(tmp_path_factory.mktemp("fill"))


def test_the_background_stays_to_the_pixel(filler: Path, tmp_path: Path) -> None:
    (found,) = run_on_copies(build("fill/flux", filler, tmp_path, format="png"), [record("chelsea")])
    before = record("chelsea")
    mask = fill_mask(before.instances[0], (120, 100), 0.05, False)
    for name in ("Made_image_0", "Made_image_1"):
        apart = np.any(np.asarray(found.images[name].image) != np.asarray(before.image), axis=-1)
        assert not apart[~mask].any() and apart[mask].mean() > 0.9
    meta = found.found["Made_meta"]
    assert meta["name"] == ["a red dog", "a small dog"] and meta["description"][0] == "A red dog sits there."
    assert meta["box"] == [50, 40, 80, 60] and meta["subject"] == "cat" and meta["model"] == str(filler)
    assert meta["seed"] == [found.images[f"Made_image_{n}"].meta["seed"] for n in (0, 1)]
    (loose,) = run_on_copies(build("fill/flux", filler, tmp_path, format="png", keep_background=False), [before])
    apart = np.any(np.asarray(loose.images["Made_image_0"].image) != np.asarray(before.image), axis=-1)
    assert apart[~mask].mean() > 0.5


def test_a_mask_is_filled_and_grown_and_twice_so_downward() -> None:
    ring = np.zeros((100, 200), bool)
    ring[30:50, 90:110] = True
    ring[35:45, 95:105] = False
    subject = Instance((90, 30, 110, 50), 1, "ring", mask=rle.encode(ring))
    assert without_holes(ring).sum() == 400
    grown = fill_mask(subject, (200, 100), 0.05, False)
    rows, columns = np.nonzero(grown.any(axis=1))[0], np.nonzero(grown.any(axis=0))[0]
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (20, 69, 80, 119)
    box = fill_mask(subject, (200, 100), 0.0, True)
    assert box.sum() == 400 and box[35:45, 95:105].all()
    assert without_holes(np.ones((4, 4), bool)).all()


def test_the_seam_is_soft_within_the_mask() -> None:
    mask = np.zeros((40, 40), bool)
    mask[10:30, 10:] = True  # to the picture's edge, where there is no seam
    white, black = Image.new("RGB", (40, 40), "white"), Image.new("RGB", (40, 40))
    mixed = np.asarray(pasted(white, black, mask, 4))[..., 0]
    assert not mixed[~mask].any() and mixed[20, 39] == 255 and mixed[20, 20] == 255
    assert 0 < mixed[20, 10] < mixed[20, 12] < 255
    assert (np.asarray(pasted(white, black, mask, 0))[mask] == 255).all()


def test_without_a_subject_there_are_no_pictures_and_models_says_why(filler: Path, tmp_path: Path) -> None:
    step = build("fill/flux", filler, tmp_path)
    assert isinstance(step, DiffusersFill)
    empty, whole, usual = record("chelsea"), record("chelsea", "b"), record("coffee", "c")
    empty.instances = []
    whole.instances[0].mask, whole.instances[0].box = rle.encode(np.ones((100, 120), bool)), (0, 0, 120, 100)
    empty.images["Made_image_0"] = usual.images["depth"]  # of an earlier run, when it had one
    pipeline = Pipeline({"Made": step}, given={"before": (*step.reads, "instances.mask")})
    alive = pipeline.run([empty, whole, usual], _fail)
    assert alive == [empty, whole, usual]
    assert [sorted(made(one)) for one in alive] == [[], [], ["Made_image_0", "Made_image_1"]]
    assert empty.models["Made"]["left_out"] == "nothing was found in it" and "Made_meta" not in empty.found
    assert whole.models["Made"]["left_out"] == "its subject is 100% of the picture"
    usual.instances[0].mask = rle.encode(np.zeros((110, 90), bool))
    assert step.left_out(usual) == "the mask of its subject is empty"  # five copies of the picture, else
    usual.instances[0].mask = whole.instances[0].mask
    assert "left_out" not in usual.models["Made"]
    with pytest.raises(ItemError, match=r"found\.proposals has 3 replacements, where 5 are asked for"):
        build("fill/flux", filler, tmp_path, count=5)([record("chelsea")])


def _fail(record: Record, step: str, reason: str) -> None:
    raise AssertionError(reason)


def test_what_is_missing_for_another_scene_is_told(tmp_path: Path, styles: Path) -> None:
    step = build("depth_edit/flux", tiny.make_flux_control(tmp_path), styles)
    (found,) = run_on_copies(step, [record("chelsea")])
    assert found.images["Made"].meta["prompt"] == "a cat. It stands on a beach."
    for key, told in (("scene", r"found\.proposals has no scene"), ("depth", r"it has no images\.depth")):
        lacking = record("chelsea")
        lacking.found["proposals"].pop(key, None)
        lacking.images.pop(key, None)
        with pytest.raises(ItemError, match=told):
            step([lacking])
    with pytest.raises(ValueError, match=r"prompt='\{place\}': 'place'; its places are \{item\} and \{scene\}"):
        build("depth_edit/flux", tmp_path, styles, prompt="{place}")


def test_styles_are_drawn_by_the_item_and_stay_where_they_lie(tmp_path: Path, styles: Path) -> None:
    step: Any = build("style/redux", tiny.make_redux(tmp_path), styles, count=3)
    found = run_on_copies(step, [record("chelsea", item) for item in ("a", "b")])
    drawn = [[one.images[f"Made_ref_{n}"].meta["style"] for n in range(3)] for one in found]
    assert all(len(set(names)) == 3 for names in drawn) and len({*map(tuple, drawn)}) > 1
    ref = found[0].images["Made_ref_0"]
    assert ref.place == {"file": str(styles / drawn[0][0])} and ref.encoded() == (styles / drawn[0][0]).read_bytes()
    assert found[0].images["Made_image_0"].meta["style"] == drawn[0][0]
    blended = build("style/redux", tmp_path, styles, content_weight=0.5)
    assert made(run_on_copies(blended, [record("chelsea")])[0]).items() - made(found[0]).items()
    for wrong, told in (
        (None, "folder=null: give a folder"),
        (str(tmp_path / "no"), "no such folder"),
        (str(tmp_path), "0 pictures, where"),
    ):
        with pytest.raises(FatalError, match=told):
            build("style/redux", tmp_path, styles, folder=wrong)
        assert told in str(replace(step, folder=wrong).lacking()), "before any worker starts"
    assert step.lacking() is None
    broken = tmp_path / "broken"
    broken.mkdir()
    for n in range(3):
        (broken / f"{n}.jpg").write_bytes(b"no picture")
    with pytest.raises(FatalError, match=r"broken/\d\.jpg can't be read .*take it out of the folder"):
        build("style/redux", tmp_path, styles, folder=str(broken))([record("chelsea")])


@pytest.mark.slow
def test_style_edges_and_picture_are_all_heard(tmp_path: Path, styles: Path) -> None:
    folder = tiny.make_sdxl(tmp_path)
    step: Any = build("style/instant", folder, styles, adapter_scale={"up": {"block_0": [0.0, 1.0, 0.0]}})
    (painting, _) = step._paintings(record("chelsea"))
    usual = step.paint(painting, photo("china"))
    assert _apart(usual, step.paint(painting, photo("coffee")))
    deaf: Any = build("style/instant", folder, styles, adapter_scale={"up": {"block_0": [0.0, 0.0, 0.0]}})
    assert not _apart(deaf.paint(painting, photo("china")), deaf.paint(painting, photo("coffee")))
    assert _apart(usual, build("style/instant", folder, styles, control=0.0).paint(painting, photo("china")))  # type: ignore[attr-defined]
    begun: Any = build("style/instant", folder, styles, strength=0.6)
    assert _apart(usual, begun.paint(painting, photo("china")))
    edges = np.asarray(outlines(painting.image, 50, 200))
    assert edges.ndim == 3 and set(np.unique(edges)) == {0, 255}


def _apart(one: Image.Image, other: Image.Image) -> bool:
    return bool(np.any(np.asarray(one) != np.asarray(other)))


def test_what_a_step_needs_is_named_before_a_run(styles: Path) -> None:
    from labelyard.generate.steps.style.instant import InstantStyle
    from labelyard.generate.steps.style.redux import ReduxStyle

    def places(step: PhotoStep) -> Sequence[str]:
        return [checkpoint.location for checkpoint in step.checkpoints()]

    instant = InstantStyle(checkpoint="stabilityai/stable-diffusion-xl-base-1.0")
    assert places(instant) == [instant.checkpoint, "diffusers/controlnet-canny-sdxl-1.0", "h94/IP-Adapter"]
    assert instant.checkpoints()[2].files[0] == "sdxl_models/ip-adapter_sdxl.safetensors"
    redux = ReduxStyle(checkpoint="black-forest-labs/FLUX.1-dev")
    assert places(redux) == ["black-forest-labs/FLUX.1-dev", "black-forest-labs/FLUX.1-Redux-dev"]
    parts = redux.checkpoints()[1].parts
    assert parts is not None and "text_encoder" in parts.without


@pytest.mark.slow
def test_a_reference_is_asked_for_by_what_the_picture_is_about(tmp_path: Path, styles: Path) -> None:
    step = build("reference/edit", tiny.make_kontext(tmp_path), styles)
    known, labelled, nothing = record("chelsea"), record("chelsea", "b"), record("chelsea", "c")
    del labelled.found["description"], nothing.found["description"]
    nothing.instances, nothing.caption = [], ""
    nothing.images["Made"] = known.images["depth"]  # of an earlier run, when it had one
    pipeline = Pipeline({"Made": step}, given={"before": step.reads})
    found = pipeline.run([known, labelled, nothing], _fail)
    assert [one.images["Made"].meta["prompt"].partition(" from ")[0] for one in found[:2]] == [
        "A product photo of a cat",
        "A product photo of cat",
    ]
    assert "Made" not in found[2].images
    assert found[2].models["Made"]["left_out"] == "it is not known what it is about"
