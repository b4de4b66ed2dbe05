"""Which parts of a sentence are phrases about things."""

from __future__ import annotations

from labelyard.generate.steps.phrases.parser import Parse, sentence_case
from labelyard.generate.steps.phrases.spans import Span, narrow, noun_phrases, wide
from tests.generate.steps.phrases.by_hand import parse


def said(spans: list[Span], text: str) -> list[tuple[str, str]]:
    return [(span.noun, span.of(text)) for span in spans]


def of(text: str, **nouns: str) -> tuple[str, Parse]:
    return text, parse(sentence_case(text), **nouns)


def test_a_phrase_is_part_of_the_text_as_it_was_written() -> None:
    lamp = of("he bought the lamp-shade's twin", twin="the lamp-shade's twin")
    assert said(noun_phrases(*lamp), lamp[0]) == [("twin", "the lamp-shade's twin")]
    loud = of("TWO RED KITES", kites="two red kites")
    assert said(noun_phrases(*loud), loud[0]) == [("KITES", "TWO RED KITES")]


def test_what_is_part_of_a_phrase_before_is_no_phrase_of_its_own() -> None:
    whole = "an old boat at a pier"
    boat = of(whole, boat=whole, pier="a pier")
    assert said(narrow(*boat), whole) == [("boat", whole)]
    assert said(wide(*boat), whole) == [("boat", whole), ("pier", "a pier")]


def test_at_commas_it_ends_with_the_part_that_has_the_noun() -> None:
    text = "a tall green vase, a cup, and some plates"
    vase = of(text, vase=text, cup="a cup, and some plates", plates="some plates")
    assert said(narrow(*vase), text) == [("vase", "a tall green vase"), ("cup", "a cup")]
    before = "behind it, in the shade, a dog"
    assert said(narrow(*of(before, dog=before)), before) == [("dog", before)], "with all before the noun"


def test_a_noun_with_its_article_counts_only_where_nothing_else_does() -> None:
    assert narrow(*of("a dog on the lawn", dog="a dog", lawn="the lawn")) == []
    lawn = of("a dog on the lawn", dog="a dog", lawn="the lawn")
    assert said(noun_phrases(*lawn), lawn[0]) == [("dog", "a dog"), ("lawn", "the lawn")]
    stop = of("see the lawn.,", lawn="the lawn.,")
    assert said(wide(*stop), stop[0]) == [("lawn", "the lawn")], "without what ends a sentence"
    assert noun_phrases(*of("dogs play", dogs="dogs")) == []
    assert noun_phrases(*of("", dogs="dogs")) == []


def test_the_letters_case_is_changed_for_the_parser_only_where_places_stay() -> None:
    assert sentence_case("a Dog in Rome") == "A dog in rome"
    assert sentence_case("ŉ dog") == "ŉ dog", "whose capital is two letters"
