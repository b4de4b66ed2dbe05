"""Which phrases of a text speak of which things."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from PIL import Image

from labelyard.generate.record import Instance, Phrase, Record, Text
from labelyard.generate.roles import ATTRIBUTES, LABELS, set_role
from labelyard.generate.steps.contract import assert_company_does_not_matter
from labelyard.generate.steps.phrases.dense import DensePhrases
from labelyard.generate.steps.phrases.in_dense import Thing, in_text
from labelyard.generate.steps.phrases.in_short import in_caption, plain
from labelyard.generate.steps.phrases.short import ShortPhrases
from labelyard.generate.steps.tools.whole_words import behind_colon, find
from tests.generate.conftest import item
from tests.generate.steps.phrases.by_hand import ByHand

Relations = list[tuple[str, list[int]]]


def thing(number: int, labels: str, *attributes: str, box: int = 0, floating: bool = False) -> Thing:
    return Thing(number, (box, 0, box + 9.0, 9), labels.split(), attributes, floating)


def dense(text: str, things: list[Thing], relations: Relations | None = None, **nouns: str) -> dict[str, list[int]]:
    found = in_text(text, things, relations or [], ByHand(**nouns))
    return {text[phrase.start : phrase.end]: list(phrase.instances) for phrase in found}


def short(caption: str, *relations: tuple[str, list[int]]) -> list[tuple[str, tuple[int, ...]]]:
    return [(caption[one.start : one.end], one.instances) for one in in_caption(caption, relations)]


def test_words_are_found_as_words_in_any_case() -> None:
    assert find("a cat", "A catalogue and A  CAT") == (16, 22)
    assert find("cat.", "a cat. cats") == (2, 6) and find("c++", "in c++") == (3, 6)
    assert find("dog", "dogs, hotdog") is None and find(" ", "a b") is None
    assert behind_colon("Assistant: a cup: red") == "a cup  red" and behind_colon(" a cup ") == "a cup"


def test_a_caption_speaks_of_relations_in_their_order() -> None:
    relations: Relations = [("a red kite", [4]), ("the sea", [2, 0]), ("a boat", [1]), ("nobody", [])]
    assert short("The sea below a red  kite", *relations) == [("a red  kite", (4,)), ("The sea", (2, 0))]
    assert short("overseas", ("sea", [1])) == []
    assert plain("  a ﬁne cafe\u0301 ") == "a fine café"


def test_attributes_come_first_and_of_each_thing_the_first_that_is_there() -> None:
    text = "A brown horse grazes, a foal beside it."
    things = [thing(0, "horse", "robot: a white horse", "a brown horse", "a foal"), thing(3, "cow", "A Foal")]
    assert dense(text, things, [("a foal", [0, 9])]) == {"A brown horse": [0], "a foal": [3]}


def test_relations_bring_all_their_things_that_are_there() -> None:
    things = [thing(1, "kite"), thing(2, "kite"), thing(7, "sun", floating=True)]
    relations: Relations = [("two kites", [2, 1, 8]), ("the sun", [7]), ("a bird", [9])]
    assert dense("Two kites and the sun, a bird", things, relations) == {"Two kites": [2, 1], "the sun": [7]}


def test_phrases_that_are_nearly_what_is_known_of_a_thing() -> None:
    known = [thing(0, "x", "large old wooden door with iron"), thing(1, "y", "a rusty iron gate")]
    door = "the old wooden door"
    assert dense("Here stands the old wooden door today", known, door=door) == {door: [0]}, "three of three words"
    gate = "a rusty fence gate"
    assert dense(f"Here stands {gate} today", known, gate=gate) == {}, "two of three are too few"


def test_a_phrase_within_a_longer_one_about_the_same_is_left_out() -> None:
    whole = "a rusty iron gate"
    known = [thing(1, "y", "iron gate")]
    assert dense(f"Here is {whole} ahead", known, gate=whole) == {whole: [1]}
    other = [*known, thing(2, "z", whole)]
    assert dense(f"Here is {whole} ahead", other, gate=whole) == {whole: [2], "iron gate": [1]}


def test_the_first_of_equally_good_things_is_meant() -> None:
    known = [thing(5, "x", "big red ball on grass"), thing(2, "x", "big red ball on sand")]
    assert dense("See the big red ball now", known, ball="the big red ball") == {"the big red ball": [5]}


def test_at_last_the_noun_decides_if_it_is_one_object_s_name() -> None:
    one = [thing(0, "Mug cup"), thing(1, "shelf"), thing(2, "lamp", floating=True)]
    text = "Three mugs stand below several bright lamps here"
    nouns = {"mugs": "three mugs", "lamps": "several bright lamps"}
    assert dense(text, one, None, **nouns) == {"Three mugs": [0]}, "floating ones are not called by their names"
    apart = [thing(0, "mug"), thing(1, "mug", box=50)]
    assert dense(text, apart, None, **nouns) == {}
    within = [Thing(0, (10, 2, 12, 4), ["mug"]), Thing(1, (9, 0, 20, 9), ["mug"])]
    assert dense(text, within, None, **nouns) == dense(text, within[::-1], None, **nouns) == {"Three mugs": [1]}
    three = [*within, thing(2, "mugs")]
    assert dense(text, three, None, **nouns) == {}


def test_the_parser_is_asked_for_nothing_that_is_decided_without() -> None:
    parser = ByHand(cat="a black cat")
    in_text("A black cat sleeps.", [thing(0, "cat", "a black cat")], [], parser)
    assert parser.asked == ["A black cat sleeps."]


def record(number: int, text: str, relations: Sequence[tuple[str, list[int]]] = ()) -> Record:
    made = Record(item(number), Image.new("RGB", (60, 60)))
    said = [("dog", "a wet dog"), ("ball", ""), ("sun", "")]
    for place, (label, words) in enumerate(said):
        one = Instance((place * 10.0, 0, place * 10 + 9.0, 9), 0.5, label, extra={LABELS: [label]})
        one.extra |= {ATTRIBUTES: [words]} if words else {}
        set_role(one, floating=label == "sun")
        made.instances.append(one)
    made.found["relationships"] = [{"phrase": phrase, "annos": numbers} for phrase, numbers in relations]
    made.texts = {"blip2": Text(f" {text} ", "model", facts={"tokens": 3}), "dense": Text(text, "model")}
    return made


def test_the_steps_write_what_was_found_and_nothing_else() -> None:
    step = DensePhrases(parser=None)
    step.setup("cpu")
    records = [
        record(n, "A wet dog, the sun, a ball", [("the sun", [2]), ("a ball", [1, 0])][: n + 1]) for n in range(3)
    ]
    assert_company_does_not_matter(step, records, disturbed=False)
    assert_company_does_not_matter(ShortPhrases(texts=["blip2"]), records, disturbed=False)
    (one,) = records[2:]
    step([one])
    ShortPhrases(texts=["blip2", "llava"])([one])
    assert one.texts["dense"].phrases == (Phrase(0, 9, (0,)), Phrase(11, 18, (2,)), Phrase(20, 26, (1, 0)))
    assert one.texts["blip2"] == Text(
        "A wet dog, the sun, a ball", "model", (Phrase(11, 18, (2,)), Phrase(20, 26, (1, 0))), {"tokens": 3}
    )
    assert step.reads == ("instances", "found.relationships", "texts.dense")
    with pytest.raises(ValueError, match=r"texts=\[\]"):
        ShortPhrases(texts=[])
