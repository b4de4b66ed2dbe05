"""The command line: what it composes, and what a mistake in it is answered with."""

from __future__ import annotations

import dataclasses
import re
import shlex
from pathlib import Path

import pytest
import yaml

from labelyard.generate.settings import target
from labelyard.launch import run
from labelyard.launch.config.compose import CONF, NO_GROUPS, composed
from labelyard.utils.errors import UserError
from tests.conftest import FAKES, call


def refusal(*overrides: str, name: str = "config") -> str:
    with pytest.raises(UserError) as caught:
        composed(overrides, name, FAKES)
    return str(caught.value)


def test_a_mistyped_key_is_answered_with_the_valid_ones_and_no_traceback() -> None:
    done = call("run", "pipeline=demo", "ground.box_treshold=0.3", "source.path=x.json", "output=y")
    assert done.returncode == 1
    assert "there is no key 'box_treshold' in ground" in done.stderr
    assert "Did you mean ground.box_threshold?" in done.stderr and "iou_threshold" in done.stderr
    assert "Traceback" not in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("overrides", "answer"),
    [
        (["tag=ramm"], "Did you mean tag=ram?"),
        (["outptu=x"], "Did you mean output?"),
        (["pipeline=fake", "ground.box_threshold=much"], "could not be converted to Float"),
        (["pipeline=fake", "depth.model=x"], "no option is chosen for 'depth'"),
        (["pipeline=fake", "edges.low.deep=3"], "no option is chosen for 'edges'"),
        (["nonsense"], "missing EQUAL"),
        (["cluster=lokal"], "Did you mean cluster=local?"),
    ],
)
def test_mistakes(overrides: list[str], answer: str) -> None:
    assert answer in refusal(*overrides)


def test_what_is_not_given_is_named() -> None:
    done = call("run", "pipeline=demo")
    assert done.returncode == 1 and "output and source.path are not given" in done.stderr


def test_an_unknown_config_name() -> None:
    assert "there are config, demo" in refusal(name="dmo")


def test_a_step_that_would_not_run_is_refused() -> None:
    done = call("run", "--config-name", "demo", "pipeline.steps=[tag,ground]", "edges=canny", "dry_run=true")
    assert done.returncode == 1 and "the pipeline does not run 'edges'" in done.stderr


def test_a_step_can_be_left_out() -> None:
    for override in ("edges=null", "~edges"):
        done = call("run", "--config-name", "demo", override, "dry_run=true")
        assert done.returncode == 0, done.stderr
        assert "tag -> ground -> segment -> caption -> embed\n" in done.stdout


def test_a_step_without_what_it_reads_is_refused() -> None:
    done = call("run", "--config-name", "demo", "pipeline.steps=[segment,tag,ground]", "dry_run=true")
    assert (
        done.returncode == 1
        and "step 'segment' reads instances" in done.stderr
        and "put 'ground' before it" in done.stderr
    )


def test_a_step_that_is_named_twice_is_refused_with_how_to_have_two_of_a_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ran once, in silence."""
    given = ["--config-name", "demo", "caption=null", "segment=null", "embed=null", "dry_run=true"]
    assert run.main([*given, "pipeline.steps=[tag,edges,edges,ground]"]) == 1
    said = capsys.readouterr().err
    advice = "+edges@edges_2=… 'pipeline.steps=[tag,edges,edges_2,ground]'"
    assert advice in said and len(said.splitlines()) == 1
    words = shlex.split(advice.replace("…", "canny"))
    assert run.main([*given, *words, "edges_2.low=50"]) == 0
    said = capsys.readouterr().out
    assert "tag -> edges -> edges_2 -> ground" in said
    assert re.search(r"edges: Canny\(.*low=100", said) and re.search(r"edges_2: Canny\(.*low=50", said)


def test_a_step_that_overwrites_what_an_earlier_one_found_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--config-name", "demo", "edges=null", "segment=null", "embed=null", "+caption@detail=template"]
    assert run.main([*given, "pipeline.steps=[tag,ground,caption,detail]", "dry_run=true"]) == 1
    said = capsys.readouterr().err
    assert "steps 'caption' and 'detail' both write instances.caption, and 'detail' does not read it" in said
    assert len(said.splitlines()) == 1


def test_two_of_a_kind_in_a_pipeline_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline" / "two.yaml").write_text(
        "# Two sizes.\ndefaults:\n  - /edges@fine: canny\n  - override /tag: imagenet\n"
        "  - override /ground: coco_ssd\n  - override /edges: canny\n\n"
        "pipeline:\n  steps: [tag, ground, edges, fine]\n"
    )
    given = ["--config-name", "demo", "--config-dir", str(tmp_path), "pipeline=two", "fine.short_side=null"]
    assert run.main([*given, "dry_run=true"]) == 0
    assert "tag -> ground -> edges -> fine\n" in capsys.readouterr().out


def test_a_command_line_choice_beats_the_pipelines() -> None:
    config = composed(["pipeline=demo", "tag=ram", "ground.box_threshold=0.3"]).config
    assert config.tag._target_ == "labelyard.generate.steps.tag.ram.RAM"
    assert config.ground.box_threshold == 0.3


def test_options_from_a_folder_of_ones_own_are_as_strict_as_the_built_in_ones() -> None:
    config = composed(["pipeline=fake", "tag.count=3"], directory=FAKES).config
    assert config.tag.count == 3
    assert "there is no key 'cuont' in tag. Valid keys: aside, count" in refusal("pipeline=fake", "tag.cuont=3")


OPTIONS = sorted(path for path in CONF.glob("*/*.yaml") if path.parent.name not in NO_GROUPS)


@pytest.mark.parametrize("path", OPTIONS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_option_is_sound(path: Path) -> None:
    """It starts with a line that says what it is, and names a class of its own group that has defaults for all."""
    text = path.read_text()
    assert text.startswith("# ") and len(text.splitlines()[0]) > 10
    node = yaml.safe_load(text)
    if path.parent.name == "pipeline":
        composed([f"pipeline={path.stem}"])
        return
    described = target(node.pop("_target_"))
    names = {field.name for field in dataclasses.fields(described)}
    assert set(node) <= names
    described(**node)


def test_hydras_own_face_shows_the_configuration_and_makes_no_folders(tmp_path: Path) -> None:
    done = call("run", "--config-name", "demo", "--cfg", "job", "ground.box_threshold=0.4", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout)["ground"]["box_threshold"] == 0.4
    assert not list(tmp_path.iterdir())


def test_tab_completion_knows_groups_and_keys(tmp_path: Path) -> None:
    import subprocess
    import sys

    from tests.conftest import ROOT, environment

    asked = {**environment(), "COMP_LINE": "python launch/run.py pipeline=", "COMP_POINT": "30"}
    done = subprocess.run(
        [sys.executable, str(ROOT / "launch" / "run.py"), "-sc", "query=bash"],
        env=asked, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert "pipeline=demo" in done.stdout.split() and "pipeline=instances" in done.stdout.split(), done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("_target_: nowhere.Thing", "No module named 'nowhere'"),
        ("_target_: [x", "flow sequence"),
        (
            "_target_: generate.steps.tag.imagenet.ImagenetTags\nno_such_key: 3",
            "Key 'no_such_key' not in 'ImagenetTags'",
        ),
        ("_target_: generate.steps.tag.imagenet.ImagenetTags\nmax_tags: many", "Value 'many'"),
    ],
)
def test_a_broken_option_of_the_user_s_is_told_when_it_is_chosen_and_not_before(
    text: str, told: str, tmp_path: Path
) -> None:
    (tmp_path / "tag").mkdir()
    (tmp_path / "tag" / "broken.yaml").write_text(text)
    given = ["pipeline=demo", "source.path=x.json", "output=y"]
    assert composed(given, directory=str(tmp_path)).config.tag.max_tags == 5
    with pytest.raises(UserError) as caught:
        composed([*given, "tag=broken"], directory=str(tmp_path))
    assert told in str(caught.value)
