"""tag=tag2text: the tagging half, one threshold, the original's exceptions."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelyard.generate.steps.contract import assert_company_does_not_matter
from labelyard.generate.steps.tag.tag2text import Tag2Text
from tests.generate.steps.tag.test_ram import photos
from tests.tiny.tag import IMAGE_SIZE, make_tag2text

NAMES = ("person", "man", "woman", "cat", "quarter", "back", "one", "two", "three", "four", "five", "orange", "orange")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tag2text(tmp_path_factory.mktemp("tag2text"), tags=NAMES)


def test_alone_and_in_company_to_the_last_bit(checkpoint: Path) -> None:
    step = Tag2Text(checkpoint=str(checkpoint), image_size=IMAGE_SIZE, threshold=0.1)
    step.setup("cpu")
    assert_company_does_not_matter(step, photos())


def test_numbers_are_no_tags_people_need_more_and_a_name_comes_once(checkpoint: Path) -> None:
    step = Tag2Text(checkpoint=str(checkpoint), image_size=IMAGE_SIZE, threshold=0.0)
    step.setup("cpu")
    records = photos()
    step(records)
    for record in records:
        names = [tag.name for tag in record.tags]
        assert [name for name in names if name not in ("person", "man", "woman")] == ["cat", "orange"]
        assert all(tag.score > 0.7 for tag in record.tags if tag.name in ("person", "man", "woman"))
    free = Tag2Text(checkpoint=str(checkpoint), image_size=IMAGE_SIZE, threshold=0.0, tag_thresholds={}, skip_tags=[])
    free.setup("cpu")
    unfiltered = photos()
    free(unfiltered)
    people = [t.score for r in unfiltered for t in r.tags if t.name in ("person", "man", "woman")]
    assert min(people) < 0.7, "the exception for people was not put to the test"


def test_the_better_sense_of_a_word_gives_its_score(checkpoint: Path) -> None:
    step = Tag2Text(checkpoint=str(checkpoint), image_size=IMAGE_SIZE, threshold=0.0)
    step.setup("cpu")
    step.loaded.tags = [*NAMES[:-1], "orange (fruit)"]
    records, merged = photos(), photos()
    step(records)
    step.loaded.tags = list(NAMES)
    step(merged)
    for apart, together in zip(records, merged, strict=True):
        assert together.tags[-1].score == max(tag.score for tag in apart.tags[-2:])


def test_the_original_can_not_be_asked_for_tags_alone() -> None:
    with pytest.raises(ValueError, match="use port"):
        Tag2Text(backend="native")
