"""The benchmark itself, on a few photos: that it measures what it says, never how fast it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench import overhead, peers, planning, today
from tests.bench.pipeline import main
from tests.bench.published import TAGS
from tests.tiny import tag
from tests.tiny.caption import make_blip2_opt
from tests.tiny.embed import make_clip
from tests.tiny.ground import make_groundingdino
from tests.tiny.segment import make_sam_hq


@pytest.fixture(autouse=True)
def _subnormal_numbers_come_back() -> Iterator[None]:
    """A benchmark does without them, for the whole process; other tests need them."""
    yield
    import torch

    torch.set_flush_denormal(False)


@pytest.mark.slow
def test_full_goes_to_its_end_with_any_weights_that_lie_under_its_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.tiny.tag import make_ram  # torch with it

    weights = tmp_path / "weights"
    for name, make in (
        ("ram-swin-l", lambda folder: make_ram(folder, (*TAGS, *(f"thing {n}" for n in range(8))))),
        ("grounding-dino-t", make_groundingdino),
        ("sam-hq-vit-h", make_sam_hq),
        ("blip2-opt-2.7b", make_blip2_opt),
        ("clip-vit-l", make_clip),
    ):
        make(weights / name)
    kept = tmp_path / "figures.json"
    few = ["--photos", "3", "--sequential-photos", "2", "--batch", "2", "--boxes", "3"]
    quick = ["--set", "caption.max_new_tokens=4", "--set", "ground.short_side=160"]
    found = main(["full", "--weights", str(weights), *few, *quick, "--json", str(kept)])
    assert found["outputs"]["records"] == found["outputs"]["same_tags"] == 2 and found["instances"] == 6
    told = json.loads(kept.read_text())
    assert told["engine"]["encoder_images_per_second"]["1"] > 0
    assert "encoder of segment alone" in capsys.readouterr().out


@pytest.mark.parametrize("kit", [pytest.param("demo", marks=pytest.mark.slow), "tiny"])
def test_both_ways_of_working_make_the_same_records(
    kit: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "figures.json"
    found = main([kit, "--photos", "4", "--batch", "3", "--shard-size", "3", "--json", str(kept)])
    outputs = found["outputs"]
    assert outputs["records"] == outputs["same_tags"] == outputs["same_boxes"] == 4 and outputs["instances"] > 0
    assert outputs["same_masks"] == outputs["masks"] and outputs["same_captions"] == outputs["captions"]
    assert max(outputs["largest"].values(), default=0.0) < 1e-4
    steps = {"tag", "ground", "segment", "caption", "embed"}
    assert steps <= found["sequential"]["by_step"].keys() and steps <= found["engine"]["by_step"].keys()
    assert json.loads(kept.read_text())["ratio"] == pytest.approx(found["ratio"])
    assert "whole" in capsys.readouterr().out


@pytest.mark.slow
def test_the_pipeline_of_today_goes_to_its_end_and_makes_the_same_records_both_ways(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = ["--photos", "3", "--batch", "2", "--shard-size", "2", "--pipeline", "instances2026"]
    outputs = main(["tiny", *few])["outputs"]
    assert outputs["records"] == outputs["same_tags"] == outputs["same_boxes"] == 3 and outputs["instances"] > 0
    assert outputs["same_masks"] == outputs["masks"] and outputs["same_captions"] == outputs["captions"]
    # `--set` is for the engine alone: what the slow way loads must have as many descriptions as the published weights.
    monkeypatch.setattr(tag, "DESCRIPTIONS", 51)
    today.make_tiny(tmp_path)
    sets = ["--set", "caption.max_new_tokens=6", "--set", "ground.short_side=160"]
    found = main(["full", "--weights", str(tmp_path), *few, "--boxes", "2", "--dtype", "float32", *sets])
    assert found["instances"] == 6 and set(found["engine"]["by_step"]) >= {*today.STEPS}
    with pytest.raises(SystemExit):
        main(["full", "--weights", str(tmp_path), *few, "--caption", "blip"])
    assert "--caption blip is none of --pipeline instances2026" in capsys.readouterr().err


def test_a_pipeline_that_does_nothing_writes_what_the_bare_loop_writes(tmp_path: Path) -> None:
    best, same = overhead.measure(tmp_path, 6, 1)
    assert same == 6 and set(best) == {"loop", "threads", "engine"} and min(best.values()) > 0


@pytest.mark.slow
def test_the_profiles_see_what_is_computed_in_threads_too(tmp_path: Path) -> None:
    main(["demo", "--photos", "2", "--batch", "2", "--shard-size", "2", "--profile", str(tmp_path)])
    for way in ("sequential", "engine"):
        assert "aten::addmm" in (tmp_path / f"{way}.txt").read_text()
        assert (tmp_path / f"{way}.json.gz").stat().st_size > 1000


@pytest.mark.slow
def test_a_plan_is_compared_with_a_pass_over_the_same_list(tmp_path: Path) -> None:
    passed, planned = planning.compared(tmp_path, 2000, 1)
    assert "2000 values by ijson.items, backend" in passed and '"items": 2000' in planned


@pytest.mark.slow
def test_other_systems_make_the_same_records(tmp_path: Path) -> None:
    compare = peers.Compare(tmp_path, ["labelyard", "pool"], 300.0)
    *_, ours, theirs = compare.speed(6, 1)
    assert ours.startswith("labelyard") and theirs.startswith("pool")
    assert ours.endswith("6 of 6") and theirs.endswith("6 of 6")
