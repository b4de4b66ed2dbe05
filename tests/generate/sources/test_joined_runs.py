"""Runs on the same items become one: each field from the run that made it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labelyard.generate.record_json.join import clash
from tests.conftest import MakeList, call, fake_run, listed


def run(source: Path, output: Path, steps: str, *more: object) -> Any:
    settings = ["write.short_side=100", "cluster.num_jobs=1", f"pipeline.steps=[{steps}]"]
    settings += ["edges=fake"] if "edges" in steps else []
    return call("run", *fake_run(source, output, *settings, *more))


def bodies(output: Path) -> list[dict[str, Any]]:
    found = [json.loads(Path(path).read_bytes()) for path in listed(output)]
    return [{key: value for key, value in body.items() if key != "made_by"} for body in found]


Made = Callable[..., Path]
RUNS = {"tagged": ("train_data.json", "tag"), "boxed": ("tagged", "ground"), "masked": ("boxed", "segment")}
RUNS |= {"captioned": ("boxed", "caption"), "drawn": ("train_data.json", "edges"), "again": ("tagged", "ground")}


@pytest.fixture
def made(make_list: MakeList, tmp_path: Path) -> Made:
    """Tags, and on them boxes; masks and captions of these in two runs; edges from the list itself."""

    def make(*names: str) -> Path:
        make_list(8)
        for name in names:
            source, steps = RUNS[name]
            done = run(tmp_path / source, tmp_path / name, steps)
            assert done.returncode == 0, done.stderr
        return tmp_path

    return make


def test_the_outcome_equals_the_same_steps_in_one_run(made: Made) -> None:
    runs = made("tagged", "boxed", "masked", "captioned", "drawn")
    others = ",".join(str(runs / name) for name in ("boxed", "masked", "captioned", "drawn"))
    joined = run(runs / "tagged", runs / "joined", "embed", f"source.join=[{others}]", "source=records")
    assert joined.returncode == 0 and "8 rows: 8 new items" in joined.stdout, joined.stderr
    whole = run(next(runs.glob("*.json")), runs / "whole", "tag,ground,segment,caption,edges,embed")
    assert whole.returncode == 0, whole.stderr
    assert bodies(runs / "joined") == bodies(runs / "whole")
    assert sum(len(body["annos"]) for body in bodies(runs / "joined")) > 8
    drawn = [Path(p).read_bytes() for name in ("joined", "whole") for p in sorted((runs / name).glob("images/*/*/*"))]
    assert len(drawn) == 16 and drawn[:8] == drawn[8:]
    assert call("validate", runs / "joined").returncode == 0


def test_an_item_that_is_not_finished_in_one_run_is_refused_with_its_name(made: Made) -> None:
    runs = made("tagged", "boxed", "masked")
    gone = Path(listed(runs / "masked")[3])
    image = json.loads(gone.read_bytes())["file_name"]
    gone.unlink()
    joined = run(runs / "boxed", runs / "joined", "caption", f"source.join=[{runs}/masked]", "source=records")
    assert "7 new items in 2 shards, 1 refused" in joined.stdout, joined.stderr
    (refused,) = map(json.loads, (runs / "joined" / "refused.jsonl").read_text().splitlines())
    assert refused["where"].endswith(image)
    assert refused["reason"] == f"is not finished in {runs}/masked, which source.join names"


def test_two_runs_that_write_one_field_are_named(made: Made) -> None:
    runs = made("tagged", "boxed", "again")
    for first, others, told in (
        ("boxed", ["again"], "both have a step 'ground'"),
        ("boxed", ["boxed"], "twice, or the run that is source.path"),
    ):
        names = ",".join(str(runs / name) for name in others)
        joined = run(runs / first, runs / "joined", "caption", f"source.join=[{names}]", "source=records")
        assert joined.returncode == 1 and told in joined.stderr, joined.stderr
        assert all(str(runs / name) in joined.stderr for name in others)
    assert not (runs / "joined").exists()


@pytest.mark.parametrize(
    ("earlier", "later", "clashes"),
    [
        ("tags", "tags", True),
        ("instances", "instances", True),
        ("instances", "instances.mask", False),
        ("instances.mask", "instances", True),
        ("instances.mask", "instances.caption", False),
        ("images.depth", "images.edges", False),
        ("texts", "texts.blip", True),
        ("texts.blip", "texts", True),
        ("texts.blip", "texts.blip2", False),
    ],
)
def test_which_fields_are_one_thing(earlier: str, later: str, clashes: bool) -> None:
    assert clash(earlier, later) is clashes
