"""From a caption to tags, and from these to phrases that speak of what was found."""

from __future__ import annotations

import pytest

from labelyard.generate.record import Instance, Phrase, Record, Tag, Text
from labelyard.generate.steps.contract import assert_company_does_not_matter
from labelyard.generate.steps.phrases.of_tags import TagPhrases
from labelyard.generate.steps.phrases.rules import things
from labelyard.generate.steps.phrases.things import CaptionThings
from tests.generate.conftest import item
from tests.generate.steps.phrases.by_hand import ByHand


def record(number: int, caption: str) -> Record:
    return Record(item(number), caption=caption)


@pytest.mark.parametrize(
    ("caption", "named"),
    [
        ("a man riding a brown horse on the beach", ["man", "brown horse", "beach"]),
        ("Two smiling women are standing next to a parked car.", ["smiling women", "parked car"]),
        ("a dining table with a vase, three wine glasses", ["dining table", "vase", "wine glasses"]),
        ("a photo of a dog in front of a building", ["dog", "building"]),
        ("a man in a t-shirt is wearing sunglasses", ["man", "t-shirt", "sunglasses"]),
        ("the dog's bed", ["dog's bed"]),
        ("", []),
        ("12 3 !", []),
    ],
)  # fmt: skip
def test_what_a_caption_names(caption: str, named: list[str]) -> None:
    assert [span.of(caption) for span in things(caption)] == named


def test_tags_know_their_places_in_the_caption() -> None:
    step = CaptionThings()
    step.setup("cpu")
    assert step.lacking() is None and step.licences() == {}
    records = [record(0, "A cup on a wooden  table, a cup on the floor"), record(1, ""), record(2, "two boats")]
    step(records)
    assert [(tag.name, tag.extra["spans"]) for tag in records[0].tags] == [
        ("cup", [["caption", 2, 5], ["caption", 28, 31]]),
        ("wooden table", [["caption", 11, 24]]),
        ("floor", [["caption", 39, 44]]),
    ]
    assert records[1].tags == [] and [tag.name for tag in records[2].tags] == ["boats"]
    assert_company_does_not_matter(step, records)
    few = CaptionThings(most=1)
    few.setup("cpu")
    few(records)
    assert [tag.name for tag in records[0].tags] == ["cup"]


def test_by_a_parser() -> None:
    step = CaptionThings(parser="mine")
    step._parser = ByHand(kite="a red kite near the old boat", boat="the old boat", wing="wing", front="the front")
    one = record(0, "A red kite near the old boat, wing, the front")
    step([one])
    assert [(tag.name, tag.extra["noun"]) for tag in one.tags] == [
        ("red kite", "kite"), ("old boat", "boat"), ("wing", "wing"),
    ], "the front of something is no thing that a detector finds"  # fmt: skip
    assert (step.lacking() or "").startswith(("spaCy, of which parser=mine", "the model mine"))


def test_by_spacy_itself() -> None:
    pytest.importorskip("spacy", reason="needs the extra phrases")
    step = CaptionThings(parser="en_core_web_sm")
    assert step.lacking() is None
    step.setup("cpu")
    said = {
        "a photo of a dog in front of a building": ["dog", "building"],
        "Two smiling women are standing next to a parked car.": ["smiling women", "parked car"],
        "a man riding a brown horse on the beach": ["man", "brown horse", "beach"],
        "": [],
    }
    records = [record(number, caption) for number, caption in enumerate(said)]
    step(records)
    assert [[tag.name for tag in one.tags] for one in records] == [*said.values()]
    assert_company_does_not_matter(step, records)


def test_phrases_speak_of_what_was_found() -> None:
    one = record(0, "a cup on a table, a cup on the floor")
    step = CaptionThings()
    step.setup("cpu")
    step([one])
    one.tags.append(Tag("lamp", 1.0, extra={"spans": [["other", 2, 6]]}))
    one.texts["other"] = Text("a lamp", "model")
    one.instances = [Instance((0, 0, 9, 9), 0.9, label) for label in ("cup", "table", "cup", "lamp")]
    one.instances.append(Instance((0, 0, 9, 9), 0.1, "floor", extra={"role": "floating"}))
    phrases = TagPhrases(texts=["caption", "other", "none"])
    assert phrases.reads == ("tags", "instances", "caption", "texts.other", "texts.none")
    phrases([one])
    assert one.texts["caption"] == Text(
        one.caption, "given", (Phrase(2, 5, (0, 2)), Phrase(11, 16, (1,)), Phrase(20, 23, (0, 2)))
    )
    assert one.texts["other"].phrases == (Phrase(2, 6, (3,)),) and "none" not in one.texts
    assert_company_does_not_matter(phrases, [one, record(1, ""), record(2, "a cat")])
    with pytest.raises(ValueError, match=r"texts=\[\]"):
        TagPhrases(texts=[])
