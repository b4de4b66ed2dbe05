"""What Florence-2 says about places: words with boxes, of the whole image or of a caption's phrases."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from labelyard.generate.record import Item, Record, Text
from labelyard.generate.steps.contract import assert_company_does_not_matter
from labelyard.generate.steps.dense.florence2 import Florence2Dense
from labelyard.generate.steps.models.florence2.regions import Florence2Regions, Question, Region, read_regions
from labelyard.generate.steps.phrases.florence2 import Florence2Phrases, head_of
from tests.support.photos import photo
from tests.tiny.caption import make_florence2

BINS = {100 + n: n for n in range(1000)}
PLACE = [100 + n for n in (0, 100, 499, 999)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_florence2(tmp_path_factory.mktemp("tiny") / "florence2"))


def records() -> list[Record]:
    made = [Record(Item(name, 0, name, ""), photo(name).resize((40, 30))) for name in ("china", "coffee")]
    made[0].texts = {"blip2": Text("a red roof on a temple", "model"), "llava": Text("the red roof", "model")}
    made[1].texts = {"blip2": Text(" ", "model")}
    return made


def test_boxes_are_about_the_words_before_them() -> None:
    tokens = [7, 8, *PLACE, *PLACE, 9, *PLACE[:3], 5, *PLACE, 2]
    chances = [0.1] * 2 + [0.5] * 4 + [1.0] * 20
    found = read_regions(tokens, chances[: len(tokens)], BINS, (200, 100), lambda ids: "+".join(map(str, ids)))
    assert [(one.words, one.score) for one in found] == [("7+8", 0.5), ("7+8", 1.0), ("5", 1.0)]
    assert all(one.box == pytest.approx((0.1, 10.05, 99.9, 99.95)) for one in found), (
        "three places are no box, and its words go with it"
    )
    assert read_regions([], [], BINS, (2, 2), str) == []


def test_a_length_is_that_of_words_behind_a_blank(folder: str) -> None:
    florence = Florence2Regions(folder, None, "float32", "cpu", 8)
    florence.processor = SimpleNamespace(tokenizer=lambda text: {"input_ids": [1] if text == " sky" else [1, 2]})
    assert florence.length(Question(photo("china"), "<SAY>", "sky ")) == 1


def saying(step: Any, *answers: list[Region]) -> Any:
    """The step, with a model that says this."""

    class Says:
        def answers(self, questions: Sequence[Question]) -> list[list[Region]]:
            self.asked = [question.task + question.about for question in questions]
            return [list(one) for one in answers]

        def length(self, question: Question) -> int:
            return 0

    step.loaded.florence = Says()
    step.device = "cuda"  # all in one batch
    return step


def test_words_all_over_the_image() -> None:
    step = saying(
        Florence2Dense(batch_size=2),
        [Region("a wet roof", (0, 0, 9, 9), 0.9), Region("sky", (0, 0, 9, 9), 0.2), Region("", (0, 0, 9, 9), 0.9)],
        [Region("a line", (5, 5, 5, 9), 0.9)],
    )
    (first, second) = some = records()
    step(some)
    assert [(i.label, i.caption, i.caption_source, i.score) for i in first.instances] == [
        ("a wet roof", "a wet roof", "model", 0.9)
    ]
    assert second.instances == []


def test_phrases_with_their_boxes_and_nouns() -> None:
    step = saying(
        Florence2Phrases(batch_size=2),
        [
            Region("A red roof", (0, 0, 9, 9), 0.5),
            Region("a temple", (1, 1, 5, 5), 0.4),
            Region("a dog", (0, 0, 9, 9), 1),
        ],
        [Region("red roof", (0, 0, 8, 8), 0.7)],
    )
    (one, other) = some = records()
    step(some)
    assert step.loaded.florence.asked[1].endswith(">the red roof"), "an empty text is not asked about"
    assert [(tag.name, tag.extra["noun"], tag.extra["spans"]) for tag in one.tags] == [
        ("a red roof", "roof", [["blip2", 0, 10]]), ("a temple", "temple", [["blip2", 14, 22]]),
        ("red roof", "roof", [["llava", 4, 12]]),
    ]  # fmt: skip
    assert [(i.label, i.score) for i in one.instances] == [("a red roof", 0.5), ("a temple", 0.4), ("red roof", 0.7)]
    assert not other.tags and not other.instances
    assert [head_of(words) for words in ("a cup of tea", "the tall man", "boys")] == ["cup", "man", "boys"]


@pytest.mark.parametrize("kind", [Florence2Dense, Florence2Phrases])
def test_alone_and_in_company(kind: Any, folder: str) -> None:
    step = kind(checkpoint=folder, max_new_tokens=8, box_threshold=0.0)
    step.setup("cpu")
    assert_company_does_not_matter(step, records(), disturbed=False)
