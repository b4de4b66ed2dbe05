"""Phrases that were found in the picture, and the objects that they speak of."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

from labelyard.generate.record import Aside, Box, Instance, Phrase, Record, Tag, Text
from labelyard.generate.roles import LABELS, floats, labels_of, set_role
from labelyard.generate.steps.contract import companies, run_on_copies
from labelyard.generate.steps.merge.attributes import MergeAttributes
from labelyard.generate.steps.merge.big_boxes import large_enough
from labelyard.generate.steps.merge.level2 import MergeLevel2
from labelyard.generate.steps.merge.masks import MergeMasks
from labelyard.utils import rle
from tests.generate.conftest import item

A: Box = (0.0, 0.0, 99.0, 99.0)
NEAR_A: Box = (0.0, 0.0, 99.0, 75.0)  # 76 of 100 rows
NOT_A: Box = (0.0, 0.0, 99.0, 74.0)  # 75 of them: no more than the limit
B: Box = (200.0, 0.0, 299.0, 99.0)
C: Box = (0.0, 200.0, 99.0, 299.0)


def instance(label: str, box: Box, score: float = 0.5, floating: bool = False, **extra: Any) -> Instance:
    made = Instance(box, score, label, extra={LABELS: [label], **extra})
    set_role(made, floating)
    return made


def record(*instances: Instance, phrases: tuple[tuple[str, str, Box], ...] = (), number: int = 0) -> Record:
    made = Record(item(number), Image.new("RGB", (400, 300)), instances=list(instances))
    made.aside["phrases"] = Aside(tags=[Tag(phrase, 1.0, extra={"noun": noun}) for phrase, noun, _ in phrases])
    made.aside["phrase_boxes"] = Aside(instances=[Instance(box, 0.7, phrase) for phrase, _, box in phrases])
    return made


def related(one: Record) -> dict[str, list[int]]:
    MergeLevel2()([one])
    return {entry["phrase"]: entry["annos"] for entry in one.found["relationships"]}


def told(one: Record) -> list[tuple[str, bool, list[str]]]:
    return [(i.label, floats(i), labels_of(i)) for i in one.instances]


def test_a_phrase_speaks_of_the_object_and_of_the_floating_one_that_it_covers() -> None:
    one = record(
        instance("dog", A), instance("dog", A), instance("cat", C, floating=True), instance("pet", A, floating=True),
        phrases=(("A  small Dog", "Dog", NEAR_A),),
    )  # fmt: skip
    one.texts["llava"] = Text("a pet, a cat", "model", (Phrase(0, 5, (3,)), Phrase(7, 12, (2,))))
    assert related(one) == {"a small dog": [0, 2]}
    assert told(one) == [
        ("dog", False, ["dog"]), ("dog", False, ["dog"]), ("pet", False, ["pet", "Dog"]), ("cat", True, ["cat"]),
    ]  # fmt: skip
    assert [phrase.instances for phrase in one.texts["llava"].phrases] == [(2,), (3,)], "phrases went along"


def test_a_phrase_that_covers_nothing_is_a_floating_thing_that_others_may_confirm() -> None:
    one = record(instance("dog", A), phrases=(("half a dog", "dog", NOT_A), ("a kite", "kite", B)))
    assert related(one) == {"half a dog": [1], "a kite": [2]}
    assert told(one)[1:] == [("half a dog", True, ["half a dog"]), ("a kite", True, ["a kite"])]
    assert one.instances[2].score == 0.7
    twice = record(phrases=(("a kite", "kite", B), ("the red kite", "kite", B)))
    assert related(twice) == {"a kite": [0], "the red kite": [0]}
    assert told(twice) == [("a kite", False, ["a kite", "kite"])]


def test_one_phrase_at_two_places_is_one_relation() -> None:
    one = record(
        instance("dog", B), instance("dog", A), phrases=(("a dog", "dog", A), ("A dog", "dog", B), ("a dog", "dog", A))
    )
    assert related(one) == {"a dog": [1, 0]}


def test_without_phrases_there_are_no_relations_and_nothing_is_lost() -> None:
    one = record(instance("dog", A), instance("cat", B, floating=True))
    assert related(one) == {} and len(one.instances) == 2
    del one.aside["phrases"], one.aside["phrase_boxes"]
    assert related(one) == {}


def test_company_does_not_matter_to_any_of_them() -> None:
    """Each call is whole or nothing: a record is not voted on twice where another one fails."""
    records = [
        record(instance("dog", A), instance("pet", A, floating=True), phrases=(("a dog", "dog", A),), number=1),
        record(instance("sky", (0, 0, 400, 200), floating=True), phrases=(("a kite", "kite", B),), number=2),
        record(number=3),
    ]
    records[0].instances[0].caption = "a wet dog"
    for one in records:
        one.aside["masks1"] = Aside(instances=[Instance(NEAR_A, 0.4, "x", mask())])
    for step in (MergeLevel2(), MergeAttributes(), MergeMasks(of=["masks1"])):
        alone = [run_on_copies(step, [one])[0] for one in records]
        for way in companies(3)[:4]:
            for numbers in way:
                for number, other in zip(numbers, run_on_copies(step, [records[n] for n in numbers]), strict=True):
                    assert (other.instances, other.found) == (alone[number].instances, alone[number].found)


def test_words_about_a_large_object_are_the_first_of_its_attributes() -> None:
    small: Box = (0.0, 0.0, 48.0, 49.9)
    one = record(
        instance("dog", A, attributes=["an animal", "a wet dog"]), instance("cat", small), instance("cow", A),
        instance("fog", A, floating=True),
    )  # fmt: skip
    for each in one.instances[:2] + one.instances[3:]:
        each.caption = "a wet dog"
    MergeAttributes()([one])
    assert [i.extra.get("attributes") for i in one.instances] == [["a wet dog", "an animal"], None, None, None]
    assert large_enough(instance("x", (0, 0, 40, 60)), 400, 300, 0.02) and not large_enough(
        one.instances[1], 400, 300, 0.02
    )


def big(label: str, rows: float, score: float) -> Instance:
    return instance(label, (0.0, 0.0, 400.0, rows), score, floating=True)


def promoted(*instances: Instance) -> list[str]:
    one = record(*instances)
    one.texts["t"] = Text("x", "given", (Phrase(0, 1, (len(instances) - 1,)),))
    last = one.instances[-1].box
    MergeAttributes()([one])
    assert one.instances[one.texts["t"].phrases[0].instances[0]].box == last
    return [f"{i.label} {i.box[3]:g}" for i in one.instances if not floats(i)]


def test_of_large_floating_things_the_surest_of_each_name_is_an_object() -> None:
    assert promoted(big("sky", 151, 0.3), big("sky", 160, 0.6), big("sea", 150, 0.9)) == ["sky 160"]
    assert promoted(instance("wall", (0, 0, 400, 170)), big("sky", 170, 0.6), big("sea", 180, 0.1)) == [
        "wall 170",
        "sea 180",
    ]
    known = instance("sky", (0, 0, 10, 10), 0.5)
    assert promoted(known, big("sky", 200, 0.5)) == ["sky 10"] and promoted(known, big("sky", 200, 0.6)) == [
        "sky 10",
        "sky 200",
    ]
    both = big("sky", 200, 0.4)
    both.extra[LABELS] = ["sky", "air"]
    assert promoted(both, big("air", 180, 0.3)) == ["sky 200"], "once, though it wins twice"


def mask(rows: int = 9) -> rle.Rle:
    import numpy as np

    found = np.zeros((300, 400), bool)
    found[:rows] = True
    return rle.encode(found)


def test_a_mask_that_is_there_is_taken_with_its_box() -> None:
    one = record(instance("dog", A), instance("cat", B, floating=True), instance("cow", C))
    known = [Instance((0, 0, 99, 80), 0.1, "", mask(1)), Instance((0, 0, 99, 90), 0.1, "", mask(2)), Instance(C, 1, "")]
    one.aside["sa1b"] = Aside(instances=known)
    one.aside["masks1"] = Aside(
        instances=[Instance(A, 0.4, "x", mask(3)), Instance((200, 0, 299, 64), 0.4, "x", mask(4))]
    )
    before = [i.extra for i in one.instances]
    MergeMasks()([one])
    assert [(i.box[3], i.mask, i.extra.get("mask_source")) for i in one.instances] == [
        (90, mask(2), "SAM"), (64, mask(4), "masks1"), (299, None, None),
    ]  # fmt: skip
    assert all("mask_source" not in extra for extra in before), "what others hold is not changed"
    with pytest.raises(ValueError, match=r"of=\[\]: no masks"):
        MergeMasks(of=[])
