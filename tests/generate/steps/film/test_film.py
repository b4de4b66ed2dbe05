"""Films of texts and pictures: by every preset, the same of the same item and seed, whoever else is there."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import yaml
from PIL import Image

from labelyard.generate.errors import FatalError
from labelyard.generate.record import Item, Record
from labelyard.generate.steps.contract import run_on_copies
from labelyard.generate.steps.film.diffusers import DiffusersFilm
from labelyard.launch import run, validate
from tests.conftest import ROOT
from tests.support.photos import photo
from tests.tiny import films

SHORT = {"max_sequence_length": 16}
# The smallest film that each can make; those behind the line are made by `make test-slow`.
SMALL: dict[str, dict[str, Any]] = {
    "modelscope": {"frames": 4},
    # ---
    "i2vgen_xl": {"frames": 4},
    "animatediff": {"frames": 4},
    "wan": {"frames": 5, "options": SHORT},
    "svd": {"frames": 3, "options": {"decode_chunk_size": 8}},
    "wan_i2v": {"frames": 5, "options": SHORT},
    "ltx": {"frames": 9, "options": SHORT},
    "ltx_i2v": {"frames": 9, "options": SHORT},
    "cogvideox": {"frames": 9, "width": 64, "height": 64, "options": SHORT},
    "cogvideox_i2v": {"frames": 9, "width": 64, "height": 64, "options": SHORT},
    "allegro": {"frames": 24, "width": 128, "height": 128, "options": {**SHORT, "clean_caption": False}},
}
NAMES = [name if n < 1 else pytest.param(name, marks=pytest.mark.slow) for n, name in enumerate(SMALL)]


def preset(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "conf" / "film" / f"{name}.yaml").read_text())
    return {key: value for key, value in found.items() if key != "_target_"}


def step(name: str, folder: Path, **settings: Any) -> DiffusersFilm:
    small = {"width": 32, "height": 32, "steps": 2, "dtype": "float32", "variant": None, **SMALL[name]}
    motion = {"motion_adapter": str(folder / "motion")} if name == "animatediff" else {}
    made = DiffusersFilm(**{**preset(name), **small, **motion, "checkpoint": str(folder), **settings})
    made.name = "film"
    made.setup("cpu")
    return made


def records() -> list[Record]:
    texts = ("a cat", "a red bus in the rain")
    pictures = (photo("chelsea"), photo("china"))
    return [
        Record(Item(f"item{n}", n, "", text), caption=text, image=picture)
        for n, (text, picture) in enumerate(zip(texts, pictures, strict=True))
    ]


def data(record: Record) -> bytes:
    found = record.clips["film"].data
    assert found is not None
    return found


def frames(file: bytes) -> list[np.ndarray[Any, Any]]:
    with av.open(io.BytesIO(file)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def modelscope(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return films.make_modelscope(tmp_path_factory.mktemp("modelscope"))


@pytest.mark.parametrize("name", NAMES)
def test_a_film_is_its_items_own(name: str, tmp_path: Path) -> None:
    folder = getattr(films, f"make_{name}")(tmp_path / "tiny")
    ready = step(name, folder)
    first, second = run_on_copies(ready, records())
    assert data(first) != data(second)
    assert data(run_on_copies(ready, records()[1:])[0]) == data(second)  # alone, and a second time
    other = run_on_copies(step(name, folder, seed=1), records()[1:])[0]
    assert data(other) != data(second)
    clip = first.clips["film"]
    size = (ready.width, ready.height)
    assert (clip.meta["frames"], clip.meta["width"], clip.meta["height"]) == (ready.frames, *size)
    assert clip.meta["fps"] == 10 and clip.meta["steps"] == 2 and isinstance(clip.meta["seed"], int)
    assert clip.meta.get("prompt") == (None if name == "svd" else "a cat")
    shown = frames(data(first))
    assert len(shown) == ready.frames and shown[0].shape == (ready.height, ready.width, 3)
    assert "image" in ready.reads if ready.image else ready.reads == ("caption",)


def test_every_preset_is_tried() -> None:
    presets = {path.stem for path in (ROOT / "conf" / "film").glob("*.yaml")}
    assert presets - {"diffusers", "api"} == set(SMALL)


@pytest.mark.slow
def test_a_picture_covers_the_frame_and_is_not_squeezed(tmp_path: Path) -> None:
    ready = step("i2vgen_xl", films.make_i2vgen_xl(tmp_path), repeats=2, format="gif")
    (record,) = records()[:1]
    record.image = Image.new("RGB", (90, 30), "red")
    record.image.paste(Image.new("RGB", (30, 30), "blue"), (30, 0))
    for scene in ready._scenes(record):
        assert scene.image is not None and scene.image.size == (32, 32)
        assert np.asarray(scene.image)[..., 2].min() > 245  # blue from side to side
    ready([record])
    assert list(record.clips) == ["film", "film_2"] and ready.writes == ("clips.film", "clips.film_2")
    first, second = record.clips.values()
    assert first.ending == "gif" and first.data != second.data and first.data is not None
    assert len(frames(first.data)) == 4
    with pytest.raises(FatalError, match=r"width=36, .*divisible by 8"):
        step("i2vgen_xl", tmp_path, width=36)([record])


def test_a_text_is_left_out_or_a_picture_refused_by_name(modelscope: Path) -> None:
    with pytest.raises(FatalError, match=r"image=.*: TextToVideoSDPipeline takes no image; use image=null"):
        step("modelscope", modelscope, image="image")(records())
    with pytest.raises(ValueError, match="text=null and image=null: give at least one"):
        DiffusersFilm(text=None)


def test_a_list_of_texts_becomes_records_with_clips(modelscope: Path, tmp_path: Path) -> None:
    (tmp_path / "list.jsonl").write_text(json.dumps({"text": "a cat"}) + "\n")
    asked = [f"source.path={tmp_path / 'list.jsonl'}", "source.caption_key=text", "pipeline.steps=[film]"]
    asked += ["film=modelscope", f"film.checkpoint={modelscope}", "film.dtype=float32", "film.variant=null"]
    asked += ["film.width=32", "film.height=32", "film.steps=2", "film.frames=4", "cluster=debug"]
    out = tmp_path / "out"
    assert run.main([*asked, f"output={out}"]) == 0
    (path,) = out.glob("records/*/*.json")
    record = json.loads(path.read_text())
    entry = record["clips"]["film"]
    assert entry["prompt"] == "a cat" and len(frames((out / entry["path"]).read_bytes())) == 4
    assert validate.main([str(out)]) == 0
