"""Pictures of texts: the same of the same item and seed, whoever else is there, by every pipeline."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from labelyard.generate.errors import FatalError, ItemError
from labelyard.generate.record import Item, Record, Text
from labelyard.generate.steps.contract import as_on_a_gpu, assert_company_does_not_matter, run_on_copies
from labelyard.generate.steps.draw.diffusers import DiffusersDrawing
from labelyard.generate.steps.tools.licences import warnings
from labelyard.launch import run, validate
from tests.tiny.pipelines import KLEIN, make_flux, make_klein, make_sd3

SHORT = {"max_sequence_length": 16}


@pytest.fixture(scope="module")
def flux(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_flux(tmp_path_factory.mktemp("flux"))


def step(folder: Path, **settings: Any) -> DiffusersDrawing:
    usual: dict[str, Any] = {"width": 64, "height": 48, "steps": 2, "dtype": "float32", "options": SHORT}
    made = DiffusersDrawing(**{"checkpoint": str(folder), **usual, **settings})
    made.name = "draw"
    made.setup("cpu")
    return made


def said(*texts: str) -> list[Record]:
    return [Record(Item(f"item{n}", n, "", text), caption=text) for n, text in enumerate(texts)]


def encoded(record: Record) -> dict[str, bytes]:
    return {name: image.encoded() for name, image in record.images.items()}


def test_a_picture_is_its_items_own(flux: Path) -> None:
    ready = step(flux, repeats=2, width=64, height=64)
    records = said("a cat", "a red bus in the rain")
    assert ready.writes == ("images.draw", "images.draw_2")
    assert_company_does_not_matter(ready, records, disturbed=False)
    first, second = run_on_copies(ready, records)
    assert first.images["draw"].size == (64, 64) and first.images["draw"].ending == "jpg"
    assert len({*encoded(first).values(), *encoded(second).values()}) == 4
    meta = first.images["draw"].meta
    assert (meta["prompt"], meta["steps"], meta["max_sequence_length"]) == ("a cat", 2, 16)
    assert meta["seed"] != first.images["draw_2"].meta["seed"]
    again = run_on_copies(step(flux, repeats=2, height=64), records)
    assert [encoded(record) for record in again] == [encoded(first), encoded(second)]
    other = run_on_copies(step(flux, repeats=2, height=64, seed=1), records)
    assert not {*encoded(other[0]).values()} & {*encoded(first).values()}


def test_in_batches_it_differs_by_rounding_only(flux: Path) -> None:
    records = said("a cat", "a red bus in the rain", "a cup")
    alone = [run_on_copies(step(flux), [record])[0] for record in records]
    with as_on_a_gpu():
        together = run_on_copies(step(flux, batch_size=2), records)
    for one, other in zip(alone, together, strict=True):
        pair = [np.asarray(record.images["draw"].image, np.int16) for record in (one, other)]
        assert np.abs(pair[0] - pair[1]).max() <= 1


def test_the_text_may_be_one_that_a_step_wrote(flux: Path) -> None:
    ready = step(flux, text="texts.rewrite", format="png")
    (record,) = said("a cat")
    record.texts["rewrite"] = Text("a grey cat", "model")
    ready([record])
    assert ready.reads == ("texts.rewrite",)
    assert record.images["draw"].meta["prompt"] == "a grey cat" and record.images["draw"].ending == "png"
    with pytest.raises(ValueError, match=r"text='title': give caption, or texts\.NAME"):
        DiffusersDrawing(text="title")


def test_a_refused_prompt_is_its_items_error_and_no_picture_is_drawn_twice(flux: Path) -> None:
    ready = step(flux)
    drawn: list[str] = []
    pipe = ready.loaded.pipe

    class Strict:
        """As pipelines with a safety checker answer."""

        def __call__(self, prompt: str, generator: Any, num_inference_steps: int, width: int, height: int,
                     max_sequence_length: int) -> Any:  # fmt: skip
            drawn.append(prompt)
            size = {"width": width, "height": height, "max_sequence_length": max_sequence_length}
            found = pipe(prompt, generator=generator, num_inference_steps=num_inference_steps, **size)
            return SimpleNamespace(images=found.images, nsfw_content_detected=[prompt == "blood"])

    ready.loaded.pipe = Strict()
    records = said("a cat", "blood", "a cup")
    with pytest.raises(ItemError, match="refused: the model's safety checker") as error:
        ready(records)
    assert error.value.item_id == "item1"
    ready([records[0], records[2]])
    assert drawn == ["a cat", "blood", "a cup"]
    (empty,) = said("  ")
    with pytest.raises(ItemError, match="caption is empty"):
        ready([empty])


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"pipeline": "FluxPipline"}, "pipeline=FluxPipline: no such class in diffusers .* did you mean FluxPipeline"),
        ({"scheduler": "FluxPipeline"}, "scheduler=FluxPipeline: no such class"),
        ({"options": {"max_sequence_lenght": 16}}, "takes no such argument; did you mean max_sequence_length"),
        ({"options": {"generator": 1}}, "takes no such argument"),
        ({"width": 60}, "width=60: this pipeline makes 48 of it"),
        ({"checkpoint": "/nowhere"}, "/nowhere: there is no such folder"),
    ],
)
def test_what_can_draw_nothing_ends_the_worker(flux: Path, settings: dict[str, Any], told: str) -> None:
    with pytest.raises(FatalError, match=told):
        step(flux, **settings)(said("a cat"))


def test_a_single_file_and_a_folder_of_something_else_are_told(flux: Path, tmp_path: Path) -> None:
    (tmp_path / "old.ckpt").write_bytes(b"weights")
    with pytest.raises(FatalError, match=r"a single file; give the folder of a pipeline.*convert_original"):
        step(tmp_path / "old.ckpt")
    with pytest.raises(FatalError, match=r"no pipeline: it has no model_index.json"):
        step(flux / "vae")


def test_sizes_that_a_pipeline_cannot_make_are_the_settings_fault(tmp_path: Path) -> None:
    ready = step(make_sd3(tmp_path), width=64, height=64)
    records = said("a cat", "a red bus in the rain")
    first, second = run_on_copies(ready, records)
    assert run_on_copies(ready, records[1:])[0].images["draw"].encoded() == second.images["draw"].encoded()
    assert first.images["draw"].encoded() != second.images["draw"].encoded()
    with pytest.raises(FatalError, match=r"width=60, height=64: .*divisible"):
        step(tmp_path, width=60, height=64)(said("a cat"))


@pytest.mark.slow
def test_klein_draws_too(tmp_path: Path) -> None:
    ready = step(make_klein(tmp_path), pipeline="Flux2KleinPipeline", options=KLEIN, guidance=1.0)
    first, second = run_on_copies(ready, said("a cat", "a red bus in the rain"))
    assert first.images["draw"].size == (64, 48) and encoded(first) != encoded(second)
    assert encoded(run_on_copies(ready, said("a cat"))[0]) == encoded(first)


def test_a_run_without_diffusers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from labelyard.generate.steps.models.diffusers import step as module

    assert DiffusersDrawing().lacking() is None
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert DiffusersDrawing().lacking() == "diffusers: not installed; run: pip install -e '.[draw]'"


def test_licences_that_bite_are_told() -> None:
    (line,) = warnings({"draw": DiffusersDrawing(checkpoint="black-forest-labs/FLUX.1-dev")})
    assert "FLUX.1-dev may not be used commercially" in line and "gated" in line
    assert not warnings({"draw": DiffusersDrawing(checkpoint="black-forest-labs/FLUX.2-klein-4B")})


def test_a_list_of_texts_becomes_records_with_pictures(flux: Path, tmp_path: Path) -> None:
    rows = [{"text": "a cat"}, {"text": "a red bus in the rain"}]
    (tmp_path / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = [f"source.path={tmp_path / 'list.jsonl'}", "source.caption_key=text", "pipeline.steps=[draw]"]
    asked += ["draw=diffusers", f"draw.checkpoint={flux}", "draw.dtype=float32", "draw.width=64", "draw.height=48"]
    asked += ["draw.steps=2", "draw.options.max_sequence_length=16", "cluster=debug", "draw.as_image=true"]
    out = tmp_path / "out"
    assert run.main([*asked, f"output={out}"]) == 0
    records = [json.loads(path.read_text()) for path in sorted(out.glob("records/*/*.json"))]
    assert len(records) == 2 and validate.main([str(out)]) == 0
    for record in records:
        entry = record["images"]["draw"]
        assert entry["prompt"] == record["caption"] and (out / entry["path"]).is_file()
        assert record["original"] == {"width": 64, "height": 48} and record["image"]
    expected = {record.caption: encoded(record)["draw"] for record in run_on_copies(step(flux), _of(records))}
    for record in records:
        assert (out / record["images"]["draw"]["path"]).read_bytes() == expected[record["caption"]]


def _of(records: list[dict[str, Any]]) -> list[Record]:
    return [Record(Item(record["id"], 0, "", record["caption"]), caption=record["caption"]) for record in records]
