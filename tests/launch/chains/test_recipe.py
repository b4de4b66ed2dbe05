"""A chain's yaml, and which settings of a command line go to which of its stages."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelyard.launch.chains.recipe import Recipe, StageRecipe, behind, read_recipe
from labelyard.launch.chains.settings import Given, given_settings, merged
from labelyard.utils.errors import UserError

CHAIN = Recipe("four", (StageRecipe("a", (), ("tag.count=1",)), StageRecipe("b", ("a",)), StageRecipe("c", ("a",))))
STEPS = {"a": ["tag", "ground"], "b": ["ram"], "c": ["ground"]}
KINDS = ("tag", "ground", "segment")


def written(folder: Path, text: str) -> str:
    (folder / "chain").mkdir()
    (folder / "chain" / "mine.yaml").write_text(text)
    return str(folder)


def test_stages_stand_behind_those_that_they_need(tmp_path: Path) -> None:
    text = "stages: {last: {needs: [b, c]}, c: {needs: a}, b: {needs: [a], settings: [x=1]}, a: }"
    recipe = read_recipe("mine", written(tmp_path, text))
    assert recipe.names == ["a", "c", "b", "last"]
    assert recipe.stages[2] == StageRecipe("b", ("a",), ("x=1",))
    order = [(stage.name, stage.needs) for stage in recipe.stages]
    assert behind(order, ["b"]) == ["b", "last"] and behind(order, ["a"]) == recipe.names


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stages: {a: {needs: [b]}, b: {needs: [a]}}", "need each other: a, b"),
        ("stages: {boxes: , b: {needs: [boxe]}}", "needs 'boxe', and there is no such stage. Did you mean boxes?"),
        (
            "stages: {a: {setings: [x=1]}}",
            "it has needs and settings. Did you mean settings?",
        ),
        ("stages: {a.b: }", "'a.b' is no name for a stage"),
        ("stages: {chain: }", "'chain' is no name for a stage"),
        ("stages: {a: {settings: [1]}}", "stage a: settings is [1]; give a list of texts"),
        ("stages: []", "a chain has stages"),
        ("stage: {a: }", "a chain has stages"),
        ("stages: {a: [", "mine.yaml"),
    ],
)
def test_what_is_wrong_with_a_chain_is_told_with_its_file(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        read_recipe("mine", written(tmp_path, text))
    assert said in str(error.value) and "mine.yaml" in str(error.value)


def test_a_chain_that_is_not_there() -> None:
    with pytest.raises(UserError, match=r"there is no such chain; there are .*instances.* Did you mean instances\?"):
        read_recipe("instance")


def to(given: Given, stage: str) -> list[str]:
    return given.to(next(one for one in CHAIN.stages if one.name == stage), STEPS, KINDS)


def test_each_setting_goes_where_it_belongs() -> None:
    given = given_settings(
        ["source.path=a,b:c=d", "limit=3", "work.batch=2", "ground.x=1", "ram.x=2", "b:work.batch=9", "b:~tag"], CHAIN
    )
    first = ["source.path=a,b:c=d", "limit=3"]
    assert to(given, "a") == ["tag.count=1", *first, "work.batch=2", "ground.x=1"]
    assert to(given, "b") == ["ram.x=2", "work.batch=9", "~tag"]
    assert to(given, "c") == ["work.batch=2", "ground.x=1"]


def test_an_option_of_a_step_with_a_name_of_its_own_goes_where_that_runs() -> None:
    given = given_settings(["tag@ram=list", "+ground@wide=detr"], CHAIN)
    given.check(CHAIN, STEPS, KINDS)
    wide = {**STEPS, "c": ["wide"]}
    sent = [given.to(stage, wide, KINDS) for stage in CHAIN.stages]
    assert sent == [["tag.count=1"], ["tag@ram=list"], ["+ground@wide=detr"]]


def test_of_two_for_one_key_the_later_counts() -> None:
    assert merged(["a=1", "b=1", "a=2", "~b"]) == ["a=2", "~b"]
    given = given_settings(["a:tag.count=5", "tag.count=3"], CHAIN)
    assert to(given, "a") == ["tag.count=5"], "what is said of one stage counts more than what is said of all"


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("aa:x=1", "the chain has no stage 'aa'; it has a, b, c. Did you mean a:x=1?"),
        ("pipeline=demo", "of which stage? Give it as STAGE:pipeline=demo; the stages are a, b, c"),
        ("a.tag.count=1", "for one stage give a:tag.count=1"),
        ("segment.x=1", "no stage of the chain runs 'segment'. They run: a tag, ground; b ram; c ground"),
        ("b:output=x", "output is the whole chain's; give it without b:"),
        ("b:source.path=x", "b reads the records of a, and nothing else"),
    ],
)
def test_what_would_go_nowhere_is_refused(setting: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        given_settings([setting], CHAIN).check(CHAIN, STEPS, KINDS)
    assert str(error.value) == f"{setting}: {said}"
