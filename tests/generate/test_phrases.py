"""Phrases follow the instances that they speak of, or lose them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from labelyard.generate.phrases import renumbered
from labelyard.generate.pipeline import Pipeline
from labelyard.generate.record import Aside, Instance, Item, Phrase, Record, Text
from labelyard.generate.step import Step

WORDS = "a small dog near a red car"


def record(instances: int = 5) -> Record:
    text = Text(WORDS, "model", (Phrase(0, 11, (0,)), Phrase(17, 26, (1, 4))), {"tokens": 7})
    made = Record(Item("0" * 16, 0, "a.jpg", ""), Image.new("RGB", (9, 9)), texts={"llava": text})
    made.instances = [Instance((0, 0, n + 1.0, 1), 0.5, f"thing {n}") for n in range(instances)]
    return made


def about(text: Text) -> list[tuple[int, ...]]:
    return [phrase.instances for phrase in text.phrases]


def test_instances_in_another_order_and_some_gone() -> None:
    made = record()
    renumbered(made, [4, 2, 0])
    assert [one.label for one in made.instances] == ["thing 4", "thing 2", "thing 0"]
    assert about(made.texts["llava"]) == [(2,), (0,)]
    assert made.texts["llava"].facts == {"tokens": 7} and made.texts["llava"].text == WORDS
    renumbered(made, [0])
    assert [(p.start, p.end, p.instances) for p in made.texts["llava"].phrases] == [(17, 26, (0,))]


def test_one_that_was_taken_in_by_another_is_that_one() -> None:
    made = record()
    renumbered(made, [2, 0, 1], merged={4: 2, 3: 0})
    assert about(made.texts["llava"]) == [(1,), (2, 0)]
    renumbered(made, [0, 1], merged={2: 0})
    assert about(made.texts["llava"]) == [(1,), (0,)], "one that is spoken of twice is named once"
    with pytest.raises(ValueError, match="there twice"):
        renumbered(made, [0, 0])


def test_texts_aside_follow_the_record_unless_they_speak_of_instances_of_their_own() -> None:
    made = record()
    text = made.texts["llava"]
    made.aside = {"of it": Aside(texts={"x": text}), "own": Aside(instances=[], texts={"x": text}), "none": Aside()}
    renumbered(made, [1, 0])
    follows, own = (made.aside[name].texts or {} for name in ("of it", "own"))
    assert about(follows["x"]) == [(1,), (0,)] and about(own["x"]) == [(0,), (1, 4)]


@given(st.permutations(range(5)), st.integers(0, 5))
def test_a_phrase_speaks_of_the_same_things_as_before(order: list[int], left: int) -> None:
    made = record()
    before = [[made.instances[n].label for n in numbers] for numbers in about(made.texts["llava"])]
    kept = order[:left]
    renumbered(made, kept)
    after = [[made.instances[n].label for n in numbers] for numbers in about(made.texts["llava"])]
    labels = {f"thing {n}" for n in kept}
    assert after == [here for labels_ in before if (here := [one for one in labels_ if one in labels])]


@dataclass(kw_only=True)
class Finds(Step):
    reads = ("image",)
    writes = ("instances", "texts.own")

    def __call__(self, records: Sequence[Record]) -> None:
        for one in records:
            one.instances = [Instance((0, 0, 1, 1), 1.0, "new")]
            one.texts["own"] = Text("new", "model", (Phrase(0, 3, (0,)),))


@dataclass(kw_only=True)
class Turns(Step):
    reads = ("instances",)
    writes = ("instances",)

    def __call__(self, records: Sequence[Record]) -> None:
        for one in records:
            renumbered(one, range(len(one.instances))[::-1])


def after(step: Step, made: Record) -> Record:
    def fail(culprit: Record, name: str, reason: str) -> None:
        raise AssertionError(reason)

    given_ = {"before": ("instances", "texts.llava", "texts.own")}
    (one,) = Pipeline({"step": step}, given=given_).run([made], fail)
    return one


def test_a_step_that_finds_instances_anew_voids_what_was_said_of_the_old_ones() -> None:
    made = record()
    made.texts["own"] = replace(made.texts["llava"], text=WORDS)
    made.aside["blip2"] = Aside(texts={"it": made.texts["llava"]})
    found = after(Finds(), made)
    assert found.texts["llava"] == Text(WORDS, "model", (), {"tokens": 7})
    assert about(found.texts["own"]) == [(0,)], "what the step itself has said of them stays"
    assert found.aside["blip2"].texts == {"it": found.texts["llava"]}


def test_a_step_that_reads_them_takes_the_phrases_along_itself() -> None:
    assert about(after(Turns(), record()).texts["llava"]) == [(4,), (3, 0)]


def test_findings_that_name_instances_go_with_them() -> None:
    made = record()
    made.found = {
        "relationships": [{"phrase": "a small dog", "annos": [0, 4]}, {"phrase": "a car", "annos": [1]}, "a word"],
        "landmark": {"annos": "no list of entries"},
    }
    renumbered(made, [4, 2, 0], merged={3: 2})
    assert made.found["relationships"] == [{"phrase": "a small dog", "annos": [2, 0]}, "a word"]
    assert made.found["landmark"] == {"annos": "no list of entries"}
    assert after(Finds(), made).found == {"relationships": ["a word"], "landmark": {"annos": "no list of entries"}}
