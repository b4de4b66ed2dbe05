from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from labelyard.generate.steps.contract import (
    as_on_a_gpu,
    assert_batches_differ_by_rounding_only,
    assert_company_does_not_matter,
    run_on_copies,
)
from labelyard.generate.steps.ground.florence2 import TASK, Florence2Boxes
from labelyard.generate.steps.models.florence2.regions import Question, Region, read_regions
from labelyard.generate.steps.rounding import ALIGNED
from tests.tiny.caption import make_florence2
from tests.tiny.records import record


@pytest.fixture(scope="module")
def step(tmp_path_factory: pytest.TempPathFactory) -> Florence2Boxes:
    folder = tmp_path_factory.mktemp("tiny") / "florence2"
    folder.mkdir()
    return ready(str(make_florence2(folder)))


def ready(checkpoint: str, **options: Any) -> Florence2Boxes:
    step = Florence2Boxes(checkpoint=checkpoint, max_new_tokens=16, box_threshold=0.0, **options)
    step.setup("cpu")
    florence = step.loaded.florence
    assert florence._bins == {}  # the tiny one has no words for places
    florence._bins = {token: token * 379 % 1000 for token in range(len(florence.processor.tokenizer))}
    florence.model.generation_config.min_new_tokens = 16  # random weights may begin with the end
    return step


def test_alone_and_in_company(step: Florence2Boxes) -> None:
    records = [
        record("china", ["temple", "roof", "sky", "tree", "two people", "(red) door", "window"], index=0),
        record("flower", ["flower", "leaf", "green", "water", "blue sky"], index=1),
        record("chelsea", [], index=2),
        record("chelsea", ["cat", "eye", "ear", "whisker", "face", "room"], index=3),
    ]
    found = run_on_copies(step, records)
    assert sum(bool(r.instances) for r in found) >= 2 and not found[2].instances
    for one, given in zip(found, records, strict=True):
        assert {i.label for i in one.instances} <= {tag.name for tag in given.tags}
        assert all(0 < i.score <= 1 for i in one.instances)
    assert_company_does_not_matter(step, records)


def test_batches_differ_by_rounding_only(step: Florence2Boxes) -> None:
    records = [
        record("china", ["temple", "two people", "sky"], index=0),
        record("flower", ["leaf", "blue sky", "flower"], index=1),
    ]
    assert_batches_differ_by_rounding_only(lambda: ready(step.checkpoint, batch_size=3), records)


def test_the_network_gets_memory_of_torch_s(step: Florence2Boxes, monkeypatch: pytest.MonkeyPatch) -> None:
    florence = step.loaded.florence
    real, generate, addresses = florence.processor, florence.model.generate, []

    def odd(**asked: Any) -> Any:
        given = real(**asked)
        pixels = given["pixel_values"]
        moved = pixels.new_empty(pixels.numel() + 1)[1:].view(pixels.shape)
        given["pixel_values"] = moved.copy_(pixels)
        return given

    def spy(**given: Any) -> Any:
        addresses.append(given["pixel_values"].data_ptr() % ALIGNED)
        return generate(**given)

    odd.tokenizer = real.tokenizer  # type: ignore[attr-defined]
    monkeypatch.setattr(florence, "processor", odd)
    monkeypatch.setattr(florence.model, "generate", spy)
    step([record("china", ["sky", "tree"])])
    assert addresses == [0, 0]


def test_tags_of_one_batch_have_one_length(step: Florence2Boxes) -> None:
    """So that no tag is padded as its company wants."""
    given: list[Any] = []
    real = step.loaded.florence.processor

    def spy(**asked: Any) -> Any:
        given.append(real(**asked))
        return given[-1]

    spy.tokenizer = real.tokenizer  # type: ignore[attr-defined]
    with as_on_a_gpu():
        batched = ready(step.checkpoint, batch_size=2)
        batched.loaded.florence.processor = spy
        batched([record("china", ["sky", "two people in red", "tree", "a blue sky"])])
    assert all(tokens["attention_mask"].all() for tokens in given)
    assert {len(tokens["input_ids"]) for tokens in given} == {2}


def test_every_tag_is_asked(step: Florence2Boxes, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(questions: Sequence[Question]) -> list[list[Region]]:
        assert {question.task for question in questions} == {TASK}
        asked.extend(question.about for question in questions)
        return [[] for _ in questions]

    monkeypatch.setattr(step.loaded.florence, "answers", answer)
    step([record("china", [f"thing {n}" for n in range(300)] + ["thing 7", " "])])
    assert asked == [f"thing {n}" for n in range(300)]


def test_four_places_in_a_row_are_a_box() -> None:
    bins = {100 + n: n for n in range(1000)}
    tokens = [7, 100, 300, 599, 1099, 8, 100, 101, 102, 9, 110, 120, 130, 140, 150, 160, 170, 180]
    chances = [0.1, 0.9, 0.8, 0.9, 0.8, 0.1] + [0.5] * 12
    size = (500, 200)
    regions = read_regions(tokens, chances, bins, size, str)
    assert [region.box for region in regions] == [
        pytest.approx((0.25, 40.1, 249.75, 199.9)),
        pytest.approx((5.25, 4.1, 15.25, 8.1)),
        pytest.approx((25.25, 12.1, 35.25, 16.1)),
    ]
    assert regions[0].score == pytest.approx((0.9 * 0.8) ** 0.5)
