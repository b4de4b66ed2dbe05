"""The benchmark itself, on a few photos: that it measures what it says, never how fast it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench import overhead
from tests.bench.pipeline import main


@pytest.fixture(autouse=True)
def _subnormal_numbers_come_back() -> Iterator[None]:
    """A benchmark does without them, for the whole process; other tests need them."""
    yield
    import torch

    torch.set_flush_denormal(False)


@pytest.mark.parametrize("kit", ["demo", "tiny"])
def test_both_ways_of_working_make_the_same_records(kit: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
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


def test_a_pipeline_that_does_nothing_writes_what_the_bare_loop_writes(tmp_path: Path) -> None:
    best, same = overhead.measure(tmp_path, 6, 1)
    assert same == 6 and set(best) == {"loop", "threads", "engine"} and min(best.values()) > 0
