"""What a setting may be is said at its field, and whatever is outside of it is refused before anything is written."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from labelyard.generate.record_json.encode import Write
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.plan import Pass, Plan
from labelyard.generate.settings import Allowed, allowed, check, target
from labelyard.launch import run
from labelyard.launch.config.asked import Asked
from labelyard.launch.config.compose import CONF, SECTIONS
from labelyard.launch.jsons2txt import main as jsons2txt
from labelyard.utils.errors import UserError
from tests.conftest import MakeList, call, fake_run

UNBOUNDED = {"seed"}  # any whole number makes a split


def kinds() -> Iterator[tuple[str, type]]:
    """Every dataclass that the command line fills, by its section."""
    yield "", Asked
    yield from SECTIONS.items()
    for path in sorted(CONF.glob("*/*.yaml")):
        name = yaml.safe_load(path.read_text()).get("_target_")
        if name is not None:
            yield path.parent.name, target(name)


def bounded() -> Iterator[tuple[str, type, dataclasses.Field[Any], Allowed]]:
    for section, kind in kinds():
        for field in dataclasses.fields(kind):
            limits = allowed(kind, field.name)
            if limits is not None:
                yield section, kind, field, limits


def test_every_number_has_its_bounds() -> None:
    """A new setting can't be forgotten: 0 workers, -1 items and NaN would pass it."""
    lacking = [
        f"{section}.{field.name} of {kind.__name__}"
        for section, kind in kinds()
        for field in dataclasses.fields(kind)
        if {"int", "float"} & set(str(field.type).replace("[", " ").replace("]", " ").replace(",", " ").split())
        and (found := allowed(kind, field.name) or Allowed()) is not None
        and not found.is_bounded
        and field.name not in UNBOUNDED
    ]
    assert lacking == []


def test_what_lies_outside_of_the_bounds_is_refused_everywhere() -> None:
    looked_at = 0
    for section, kind, field, limits in bounded():
        wrong: list[Any] = [math.nan, math.inf, -math.inf] if limits.is_bounded else []
        wrong += [limits.least - 1] if limits.least is not None else []
        wrong += [limits.above, limits.above - 1] if limits.above is not None else []
        wrong += [limits.most + 1] if limits.most is not None else []
        wrong += ["much"]
        for value in wrong:
            with pytest.raises(UserError) as caught:
                check(kind, {field.name: {"a": value} if "dict" in str(field.type) else value}, section)
            told = str(caught.value)
            assert field.name in told and str(value) in told and ": give " in told and "\n" not in told
            looked_at += 1
    assert looked_at > 200


def test_the_defaults_of_every_class_are_allowed() -> None:
    for section, kind in kinds():
        check(
            kind, {f.name: f.default for f in dataclasses.fields(kind) if f.default is not dataclasses.MISSING}, section
        )


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("shard_size=-1", "shard_size=-1: give a number from 1 to 1,000,000, or null"),
        ("limit=0", "limit=0: give a number of at least 1, or null"),
        ("rate=nan", "rate=nan: give a number above 0, or null"),
        ("work.batch=0", "work.batch=0: give a number from 1 to 100,000"),
        ("work.write_threads=-2", "work.write_threads=-2: give a number from 1 to 1,024"),
        ("work.max_attempts=0", "work.max_attempts=0: give a number from 1 to 10,000"),
        ("work.read_timeout=0", "work.read_timeout=0.0: give a number above 0"),
        ("work.schedule=slow", "work.schedule=slow: give fused or staged"),
        ("work.device=gpu", "work.device=gpu: give auto, cpu or cuda"),
        ("load.threads=0", "load.threads=0: give a number from 1 to 1,024"),
        ("load.max_aspect=nan", "load.max_aspect=nan: give a number of at least 1"),
        ("write.jpeg_quality=0", "write.jpeg_quality=0: give a number from 1 to 100"),
        ("source.max_refused=-1", "source.max_refused=-1.0: give a number from 0 to 1"),
        ("cluster.num_jobs=0", "cluster.num_jobs=0: give a number from 1 to 1,024, or null"),
        ("ground.box_threshold=7", "ground.box_threshold=7.0: give a number from 0 to 1"),
        ("ground.batch_size=0", "ground.batch_size=0: give a number from 1 to 100,000, or auto"),
        ("ground.dtype=half", "ground.dtype='half': unknown; one of float32, bfloat16, float16"),
        ("segment.boxes_at_once=0", "segment.boxes_at_once=0: give a number from 1 to 100,000"),
        ("+tag.tag_thresholds.dog=2", "tag.tag_thresholds={'dog': 2.0}: give a number from 0 to 1"),
        ("output=", "output is empty"),
    ],
)
@pytest.mark.parametrize("how", ["dry_run=true", "plan_only=true"])
def test_it_is_refused_at_composing(
    override: str, told: str, how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(["source.path=nowhere", f"output={tmp_path / 'out'}", override, how]) == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith(f"run: {told}") and len(said.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_plan_whose_shards_do_not_hold_its_items_is_not_taken_for_done(
    make_list: MakeList, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As earlier versions made it of shard_size=-1: 0 of 0 items were done, exit code 0, for ever."""
    out = tmp_path / "out"
    given = [str(word) for word in fake_run(make_list(6), out, "cluster=debug")]
    assert run.main([*given, "plan_only=true"]) == 0
    folder = RunFolder(out)
    planned = folder.read_plan().passes[0]
    folder.write_plan(Plan((Pass(**{**vars(planned), "shards": 0, "shard_size": -1}),)))
    capsys.readouterr()
    assert run.main(given) == 1
    assert "6 items" in capsys.readouterr().err
    assert jsons2txt([str(out)]) == 3
    said = capsys.readouterr().out
    assert "0 of 6 items are done" in said and "6 pending" in said


def test_a_shard_that_lost_lines_shows_at_the_end(
    make_list: MakeList, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    given = [str(word) for word in fake_run(make_list(6), out, "cluster=debug")]
    assert call("run", *given, "plan_only=true").returncode == 0
    shard = RunFolder(out).shard(0)
    shard.write_bytes(b"".join(shard.read_bytes().splitlines(keepends=True)[:-1]))
    assert run.main(given) == 1
    said = capsys.readouterr().out
    assert "5 of 6 items are done" in said and "The plan has 6 items, its shards hold 5" in said


def test_bounds_do_not_stand_in_the_way_of_what_is_allowed() -> None:
    check(Write, {"short_side": None, "jpeg_quality": 100}, "write")
