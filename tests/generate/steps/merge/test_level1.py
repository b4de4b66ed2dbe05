"""Votes of several models on what is there."""

from __future__ import annotations

import pytest
from PIL import Image

from labelyard.generate.affordances import affordances
from labelyard.generate.record import Aside, Box, Instance, Record
from labelyard.generate.roles import floats
from labelyard.generate.settings import build
from labelyard.generate.steps.contract import assert_company_does_not_matter
from labelyard.generate.steps.merge.level1 import MODELS, MergeLevel1
from labelyard.generate.steps.merge.voting import Seen, Trust, Votes, best_of_each, vote
from labelyard.utils.errors import UserError
from tests.generate.conftest import item

HERE: Box = (0.0, 0.0, 99.0, 99.0)
NEARLY: Box = (0.0, 0.0, 99.0, 64.0)  # 65 of 100 rows of pixels
HARDLY: Box = (0.0, 0.0, 99.0, 63.0)
THERE: Box = (300.0, 0.0, 399.0, 99.0)
TRUST = {"first": Trust(0.3, person=0.1, alone=0.8), "second": Trust(0.2), "words": Trust(0.2, attributes=True)}


def seen(label: str, box: Box = HERE, score: float = 0.5) -> Seen:
    return Seen(box, score, label)


def votes(**found: list[Seen]) -> Votes:
    return vote(found, TRUST)


def told(found: Votes) -> tuple[list[list[str]], list[list[str]], list[list[str]]]:
    return (
        [[*one.labels, *one.attributes] for one in found.objects],
        [one.labels for one in found.floating],
        [one.attributes for one in found.attributes],
    )


def test_of_one_model_the_better_of_two_that_are_nearly_the_same() -> None:
    found = [seen("a", (0, 0, 100, 91), 0.3), seen("b", (0, 0, 100, 100), 0.7), seen("c", THERE, 0.05)]
    least = seen("d", (0, 0, 100, 90), 0.1)
    assert best_of_each([*found, least]) == [found[1], least]
    assert best_of_each([]) == []


def test_two_that_see_it_make_an_object_with_the_box_of_the_one_believed_more() -> None:
    found = votes(second=[seen("cup", NEARLY, 0.9)], first=[seen("mug", HERE, 0.4)], words=[seen("a blue cup", HERE)])
    (one,) = found.objects
    assert (one.box, one.score, one.labels, one.attributes) == (HERE, 0.4, ["mug", "cup"], ["a blue cup"])
    assert told(votes(first=[seen("mug")], second=[seen("cup", HARDLY)])) == ([], [["mug"], ["cup"]], [])
    both = votes(first=[seen("mug")], second=[seen("mug"), seen("cup", NEARLY)])
    assert told(both) == ([["mug", "cup"]], [], []), "each label once, and every box that is its own is taken in"


def test_two_boxes_of_one_model_are_two_things_and_none_votes_twice() -> None:
    assert told(votes(first=[seen("cat"), seen("dog")])) == ([], [["cat"], ["dog"]], [])
    found = votes(first=[seen("cat"), seen("dog")], second=[seen("pet")])
    assert told(found) == ([["cat", "pet"]], [["dog"]], [])


def test_a_score_has_to_be_above_what_its_model_is_believed_from() -> None:
    assert told(votes(first=[seen("cat", score=0.3)], second=[seen("dog", score=0.21)])) == ([], [["dog"]], [])


def test_a_person_is_believed_at_lower_scores_if_others_agree_and_alone_only_at_higher_ones() -> None:
    alone = [seen("person", score=score) for score in (0.9, 0.5, 0.2)]
    assert told(votes(first=alone)) == ([["person"]], [["person"]], [])
    assert told(votes(first=alone[2:], second=[seen("Man")])) == ([["person"]], [], [])
    assert told(votes(second=[seen("person", score=0.99), seen("man", THERE)])) == ([], [["man"]], [])


def test_words_alone_are_attributes_of_no_object() -> None:
    assert told(votes(words=[seen("person"), seen("wet grass", THERE)])) == ([], [], [["person"], ["wet grass"]])
    assert told(votes(first=[seen("cat")], words=[seen("wet"), seen("wet", NEARLY)])) == ([["cat", "wet"]], [], [])


def test_what_people_do_with_a_thing_goes_by_its_labels_exactly() -> None:
    found = affordances([(0, ["bowl", "cup"]), (1, ["Cup"]), (4, ["cup", "sofa"])])
    assert {kind: (one.numbers, one.labels) for kind, one in found.items()} == {
        "Contain-2": ([0, 4], ["bowl", "cup"]), "Contain-3": ([0], ["bowl"]), "Sit": ([4], ["sofa"]),
        "Lie": ([4], ["sofa"]), "Standing": ([4], ["sofa"]),
    }  # fmt: skip
    assert all(one.description.endswith(".") for one in found.values())


def record(number: int) -> Record:
    made = Record(item(number), Image.new("RGB", (400, 100)))
    for name in MODELS:
        made.aside[name] = Aside(instances=[])
    made.aside["masks1"].instances = [Instance(HERE, 0.9, "cat"), Instance(THERE, 0.7, "dog")][: number + 1]
    made.aside["open2"].instances = [Instance(NEARLY, 0.9, "kitten")]
    made.aside["dense"].instances = [
        Instance(HERE, 0.9, "words", caption="a grey cat"),
        Instance((5, 5, 6, 6), 0.4, "grass"),
    ]
    return made


def test_the_step_fills_instances_from_what_is_kept_aside() -> None:
    step = MergeLevel1()
    records = [record(0), record(1)]
    assert_company_does_not_matter(step, records, disturbed=False)
    step(records)
    objects = {"labels": ["cat", "kitten"], "attributes": ["a grey cat"]}
    assert [(one.label, one.score, one.extra) for one in records[1].instances] == [
        ("cat", 0.9, objects), ("dog", 0.7, {"labels": ["dog"], "role": "floating"}),
    ]  # fmt: skip
    assert [floats(one) for one in records[1].instances] == [False, True] and records[0].instances[0].extra == objects
    assert records[0].found["floating_attributes"] == [
        {"bbox": [5, 5, 6, 6], "labels": [], "score": 0.4, "attributes": ["grass"]}
    ]


def test_which_models_there_are_is_said_in_full() -> None:
    node = {"_target_": "labelyard.generate.steps.merge.level1.MergeLevel1"}
    assert "aside.regions" in MergeLevel1().reads
    some = build({**node, "models": {"regions": None, "a": {"threshold": 0.5}}}, "merge")
    assert some.reads == ("aside.a",)
    for models, reason in (
        ({}, "merge.models={}: nothing to merge"),
        ({"a": {"treshold": 1}}, r"merge: models.a=.*give some of threshold, person, alone, attributes"),
        ({"a": {"alone": 2}}, "models.a.alone=2: give a number from 0 to 1"),
        ({"a": {"attributes": 1}}, "models.a.attributes=1: give true or false"),
    ):
        with pytest.raises(UserError, match=reason):
            build({**node, "models": models}, "merge")
