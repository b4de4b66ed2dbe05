"""spaCy's parser behind the interface. Where it is not installed, the step says so."""

from __future__ import annotations

import sys

import pytest

from labelyard.generate.errors import FatalError
from labelyard.generate.record import Record, Tag, Text
from labelyard.generate.steps.contract import assert_company_does_not_matter
from labelyard.generate.steps.phrases.dense import DensePhrases
from labelyard.generate.steps.phrases.found import merged
from labelyard.generate.steps.phrases.spacy import SpacyPhrases
from labelyard.generate.steps.phrases.spacy_parser import load
from tests.generate.conftest import item
from tests.generate.steps.phrases.by_hand import ByHand


def record(number: int, **texts: str) -> Record:
    return Record(item(number), texts={name: Text(text, "model") for name, text in texts.items()})


def test_phrases_of_several_texts_are_tags_each_once_with_all_its_places() -> None:
    step = SpacyPhrases(texts=["one", "two"])
    step._parser = ByHand(kite="a red kite", boat="an old boat")
    records = [
        record(0, one="a red kite", two="An old boat, A red  kite."),
        record(1, two="nothing here"),
        record(2, one="an old boat"),
    ]
    step(records)
    assert [(tag.name, tag.extra["noun"], tag.extra["spans"]) for tag in records[0].tags] == [
        ("a red kite", "kite", [["one", 0, 10]]), ("An old boat", "boat", [["two", 0, 11]]),
    ]  # fmt: skip
    assert records[1].tags == [] and [tag.name for tag in records[2].tags] == ["an old boat"]
    twice = [Tag("a Cat", 1.0, extra={"noun": "Cat", "spans": [["x", 0, 5]]}), Tag("", 1.0)]
    twice.append(Tag("A cat", 1.0, extra={"noun": "cat", "spans": [["y", 3, 8]]}))
    assert merged(twice) == [Tag("a Cat", 1.0, extra={"noun": "Cat", "spans": [["x", 0, 5], ["y", 3, 8]]})]


def test_without_a_parser_one_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(FatalError, match=r"pip install 'labelyard\[phrases\]', or use phrases=florence2"):
        SpacyPhrases().setup("cpu")
    monkeypatch.setattr("labelyard.generate.steps.phrases.spacy_parser.find_spec", lambda name: None)
    assert str(SpacyPhrases().lacking()).startswith("spaCy, of which parser=en_core_web_sm makes use; run: pip install")
    monkeypatch.setattr("labelyard.generate.steps.phrases.spacy_parser.find_spec", lambda name: name == "spacy" or None)
    assert str(SpacyPhrases(parser="mine").lacking()).startswith("the model mine, of which")
    assert DensePhrases(parser=None).lacking() is None
    DensePhrases(parser=None).setup("cpu")
    with pytest.raises(ValueError, match=r"texts=\[\]"):
        SpacyPhrases(texts=[])


def test_what_spacy_says() -> None:
    pytest.importorskip("spacy", reason="needs the extra phrases")
    step = SpacyPhrases(texts=["a", "b"])
    step.setup("cpu")
    records = [
        record(0, a="a small dog near a red car", b="the man's t-shirt is wet"),
        record(1, a="two cats", b="an old wooden table, a lamp and some books"),
        record(2, a="", b="kites"),
    ]
    assert_company_does_not_matter(step, records, disturbed=False)
    step(records)
    assert [tag.name for tag in records[0].tags] == ["a small dog near a red car", "the man's", "the man's t-shirt"]
    assert [tag.extra["noun"] for tag in records[1].tags] == ["cats", "table", "lamp"]
    with pytest.raises(FatalError, match=r"parser=no_such: spaCy can't load it .*no_such"):
        load("no_such")
