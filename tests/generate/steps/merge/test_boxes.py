"""Instances of several steps in one list: the first stays, the others vote."""

from __future__ import annotations

import pytest
from PIL import Image

from labelyard.generate.pipeline import Pipeline
from labelyard.generate.record import Aside, Box, Instance, Phrase, Record, Text
from labelyard.generate.steps.contract import assert_company_does_not_matter
from labelyard.generate.steps.merge.boxes import MergeBoxes
from labelyard.utils.errors import UserError
from tests.generate.conftest import item

WHOLE: Box = (0.0, 0.0, 10.0, 10.0)
MOST: Box = (0.0, 0.0, 10.0, 6.0)  # IoU 0.6 with the whole
OTHER: Box = (20.0, 20.0, 30.0, 30.0)


def found(*labelled: tuple[str, Box]) -> list[Instance]:
    return [Instance(box, 0.1 * (number + 1), label) for number, (label, box) in enumerate(labelled)]


def record(number: int = 0, /, **asides: list[Instance]) -> Record:
    own = asides.pop("own", [])
    made = Record(item(number), Image.new("RGB", (40, 40)), instances=own)
    made.aside.update({name: Aside(instances=instances) for name, instances in asides.items()})
    return made


def merged(one: Record, **settings: object) -> list[tuple[str, Box, list[str]]]:
    step = MergeBoxes(**settings)  # type: ignore[arg-type]
    step([one])
    return [(i.label, i.box, i.extra["labels"]) for i in one.instances]


def test_the_order_of_the_steps_decides_and_not_the_score() -> None:
    one = {"a": found(("dog", WHOLE)), "b": found(("tree", OTHER), ("puppy", MOST))}
    assert merged(record(**one), of=["a", "b"]) == [("dog", WHOLE, ["dog", "puppy"]), ("tree", OTHER, ["tree"])]
    assert merged(record(**one), of=["b", "a"]) == [("tree", OTHER, ["tree"]), ("puppy", MOST, ["puppy", "dog"])]


def test_the_record_s_own_instances_are_one_of_them() -> None:
    one = record(own=found(("cat", WHOLE)), a=found(("cat", MOST), ("dog", OTHER)))
    assert merged(one, of=["instances", "a"]) == [("cat", WHOLE, ["cat", "cat"]), ("dog", OTHER, ["dog"])]
    one = record(own=found(("cat", WHOLE)), a=found(("dog", OTHER)))
    assert merged(one, of=["a"]) == [("dog", OTHER, ["dog"])]


def test_instances_of_other_labels_stay_where_they_are_asked_to() -> None:
    one = {"a": found(("dog", WHOLE)), "b": found(("puppy", MOST), ("dog", MOST))}
    said = merged(record(**one), of=["a", "b"], across_labels=False)
    assert said == [("dog", WHOLE, ["dog", "dog"]), ("puppy", MOST, ["puppy"])]
    assert merged(record(**one), of=["a", "b"], iou_threshold=0.6) == [
        ("dog", WHOLE, ["dog"]), ("puppy", MOST, ["puppy", "dog"]),
    ]  # fmt: skip


def test_votes_of_a_merge_before_are_votes_and_the_nearest_gets_them() -> None:
    half: Box = (0.0, 0.0, 10.0, 5.0)
    one = record(a=found(("big", WHOLE), ("small", half)), b=found(("thing", MOST)))
    one.aside["b"].instances[0].extra = {"labels": ["thing", "toy"], "depth": 2.0}  # type: ignore[index]
    said = merged(one, of=["a", "b"], iou_threshold=0.5)  # 0.6 with the big one, 5/6 with the small one
    assert said == [("big", WHOLE, ["big"]), ("small", half, ["small", "thing", "toy"])]


def test_nothing_found_is_nothing_merged() -> None:
    assert merged(record(), of=["a", "b"]) == merged(record(a=[], b=[]), of=["a", "b"]) == []


def test_company_does_not_matter_and_nothing_votes_twice() -> None:
    """Over its own result, too, as after a failure: of the record's own instances as well."""
    records = [
        record(n, own=found(("cat", WHOLE)), a=found(("dog", MOST), ("bus", OTHER)), b=found(("cat", OTHER))[:n])
        for n in range(3)
    ]
    for of in (["a", "b"], ["instances", "a", "b"], ["b", "instances", "a"]):
        assert_company_does_not_matter(MergeBoxes(of=of), records, disturbed=False)


def test_what_another_look_has_found_votes_and_what_was_merged_does_not() -> None:
    one = record(own=found(("cat", WHOLE)), a=found(("dog", MOST)))
    assert merged(one, of=["instances", "a"]) == [("cat", WHOLE, ["cat", "dog"])]
    assert one.instances[0].extra["seen"] == [{"by": "a", "label": "dog", "box": list(MOST)}]
    one.aside["b"] = Aside(instances=found(("puppy", MOST)))
    assert merged(one, of=["instances", "a", "b"]) == [("cat", WHOLE, ["cat", "dog", "puppy"])]
    one.aside["a"] = Aside(instances=found(("dog", (0.0, 0.0, 10.0, 7.0))))
    assert merged(one, of=["instances", "a"]) == [("cat", WHOLE, ["cat", "dog", "puppy", "dog"])]


def test_what_it_merges_has_to_be_there() -> None:
    with pytest.raises(
        UserError, match=r"step 'merge' reads aside\.one, which no earlier step writes; add a step 'one'"
    ):
        Pipeline({"merge": MergeBoxes(of=["one"])})
    with pytest.raises(ValueError, match=r"of=\[\]: nothing to merge"):
        MergeBoxes()
    with pytest.raises(ValueError, match="names 'a' twice"):
        MergeBoxes(of=["a", "a"])


def test_phrases_follow_the_record_s_own_instances() -> None:
    one = record(own=found(("cat", WHOLE), ("bus", OTHER)), a=found(("puppy", MOST), ("tree", OTHER)))
    one.aside["a"].instances[1].box = (0.0, 30.0, 9.0, 39.0)  # type: ignore[index]
    one.texts["llava"] = Text("a cat, a bus", "model", (Phrase(0, 5, (0,)), Phrase(7, 12, (1,))))
    said = merged(one, of=["a", "instances"])
    assert [label for label, _, _ in said] == ["puppy", "tree", "bus"]
    assert [phrase.instances for phrase in one.texts["llava"].phrases] == [(0,), (2,)]
