"""Prompts with places for what a row says."""

from __future__ import annotations

import pytest

from labelyard.generate.errors import ItemError
from labelyard.generate.record import Instance, Item, Record, Tag, Text
from labelyard.generate.steps.models.chat.prompts import Template


def row() -> Record:
    given = {"question": "what {is} this?", "a.b": 1, "meta": {"size": [3, 4]}, "caption_2": None}
    record = Record(Item("7", 0, "a.jpg", "c", given), caption="a cup")
    record.tags = [Tag("cup", 1.0), Tag("table", 0.5)]
    record.instances = [Instance((0, 0, 9, 9), 0.5, "dog")]
    record.texts["llava"] = Text("a red cup", "model")
    record.found["scene"] = {"weather": "fine"}
    return record


@pytest.mark.parametrize(
    ("prompt", "filled"),
    [
        ("{question}", "what {is} this?"),
        ("{{{caption}}}: {tags}; {labels}", "{a cup}: cup, table; dog"),
        ("{a.b} {meta.size} {meta}", '1 3, 4 {"size":[3,4]}'),
        ("{llava}|{texts.llava}|{found.scene.weather}|{scene.weather}", "a red cup|a red cup|fine|fine"),
        ("{given.question} {item.image} {label}", "what {is} this? a.jpg the third"),
        ("no place at all", "no place at all"),
    ],
)
def test_places_are_what_the_record_says(prompt: str, filled: str) -> None:
    assert Template(prompt).filled(row(), {"label": "the third"}) == filled


@pytest.mark.parametrize("prompt", ["{nothing}", "{caption_2}", "{scene.weather.deep}", "{texts.blip}", "{found.x}"])
def test_what_a_row_does_not_have_is_its_error(prompt: str) -> None:
    with pytest.raises(ItemError, match=r"which the row does not have; it has question, .*, llava, sc"):
        Template(prompt).filled(row())


@pytest.mark.parametrize("prompt", ["{", "}", "a {} b", "{caption!r}", "{caption:>4}"])
def test_braces_that_are_no_place_are_refused(prompt: str) -> None:
    with pytest.raises(ValueError, match="a brace itself is written twice"):
        Template(prompt)


def test_places_are_told_once() -> None:
    assert Template("{b} {a} {b.c} {{d}} {a}").places() == ["b", "a", "b.c"]
