"""describe=objects: a sentence of what was found, whose phrases speak of the instances."""

from __future__ import annotations

from PIL import Image

from labelyard.generate.record import Instance, Item, Record
from labelyard.generate.roles import set_role
from labelyard.generate.steps.contract import assert_company_does_not_matter
from labelyard.generate.steps.describe.objects import ObjectsDescription


def row(number: int, *found: tuple[str, float]) -> Record:
    """Things by name and width."""
    record = Record(Item(f"i{number}", number, f"{number}.jpg", ""), Image.new("RGB", (200, 100)))
    record.instances = [Instance((0, 0, width, 50), 0.9, label) for label, width in found]
    return record


def test_what_was_found_is_named_by_kind_the_largest_first() -> None:
    one = row(0, ("cup", 10), ("person", 90), ("grass", 40), ("cup", 20), ("owl", 80))
    set_role(one.instances[4], floating=True)
    other, bare = row(1, ("owl", 80)), row(2)
    step = ObjectsDescription(text="things")
    for _ in range(2):
        step([one, other, bare])
    text = one.texts["things"]
    assert text.text == "The picture shows a person, some grass and two cups." and text.source == "template"
    said = {text.text[phrase.start : phrase.end]: phrase.instances for phrase in text.phrases}
    assert said == {"a person": (1,), "some grass": (2,), "two cups": (0, 3)}
    assert other.texts["things"].text == "The picture shows an owl." and bare.texts == {}
    many = row(3, *[("dog", 9.0)] * 12, ("people", 5), ("people", 5))
    step([many])
    assert many.texts["things"].text == "The picture shows 12 dogs and some people."
    assert step.writes == ("texts.things",) and ObjectsDescription().writes == ("texts.dense",)
    assert_company_does_not_matter(ObjectsDescription(), [row(n, ("cup", 9), ("dog", n)) for n in range(2, 5)])
