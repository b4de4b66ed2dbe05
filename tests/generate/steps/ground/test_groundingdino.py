from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelyard.generate.errors import FatalError
from labelyard.generate.steps.contract import (
    assert_batches_differ_by_rounding_only,
    assert_company_does_not_matter,
    run_on_copies,
)
from labelyard.generate.steps.ground.groundingdino import GroundingDino
from tests.tiny.ground import make_groundingdino
from tests.tiny.records import record
from tests.tiny.vocabulary import write_tokenizer

ODD_TAGS = ["cat", "Hot Dog", "dog (brown)", "[SEP]", "st. bernard", "what?", "cat, sleeping", "été", "  "]
LIMIT = 256


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_groundingdino(tmp_path_factory.mktemp("tiny") / "groundingdino")


@pytest.fixture(scope="module")
def step(folder: Path) -> GroundingDino:
    step = GroundingDino(checkpoint=str(folder), short_side=160, long_side=266)
    step.setup("cpu")
    return step


class AnswersEveryTag:
    """A detector that finds every tag of a prompt, each in a box of its own, and no box twice over all prompts."""

    limit = LIMIT
    columns = 20  # boxes in a row of a 20 x 20 grid

    def __init__(self, tokenizer: Any) -> None:
        self.separators = {tokenizer.convert_tokens_to_ids(text) for text in (",", ".", "[CLS]", "[SEP]", "[PAD]")}
        self.asked = 0
        self.longest = 0

    def __call__(self, pixels: Any, ids: Any, mask: Any) -> tuple[Any, Any]:
        import torch

        scores = torch.zeros(len(ids), 200, LIMIT)
        boxes = torch.zeros(len(ids), 200, 4)
        self.longest = max(self.longest, int(mask.sum(1).max()))
        for row in range(len(ids)):
            query = -1
            inside = False
            for position in range(int(mask[row].sum())):
                word = int(ids[row, position]) not in self.separators
                if word and not inside:
                    query += 1
                    x, y = self.asked % self.columns, self.asked // self.columns
                    boxes[row, query] = torch.tensor([(x + 0.5) / 20, (y + 0.5) / 20, 0.04, 0.04])
                    self.asked += 1
                inside = word
                if word:
                    scores[row, query, position] = 0.9
        return scores, boxes


def test_of_300_tags_none_is_lost(step: GroundingDino, tmp_path: Path) -> None:
    tokenizer = write_tokenizer(tmp_path)
    asking = GroundingDino(checkpoint="unused", short_side=160, long_side=266)
    asking.loaded.tokenizer, asking.loaded.frame = tokenizer, step.loaded.frame
    network = AnswersEveryTag(tokenizer)
    asking.loaded.network = network
    tags = [f"{kind} {number}" for number in range(100) for kind in ("red car", "dog", "green tree")]
    one = record("china", tags)
    asking([one])
    assert sorted(found.label for found in one.instances) == sorted(tags)
    assert network.asked == 300
    assert LIMIT // 2 < network.longest <= LIMIT  # in several prompts, well filled


def test_alone_and_in_company(step: GroundingDino) -> None:
    records = [
        record("chelsea", ODD_TAGS, index=0),
        record("china", ["temple", "roof"], index=1),
        record("flower", ["flower", "leaf", *"abcdefghijklmnopqrst"], index=2),
        record("flower", ["leaf"], index=3),
        record("china", [], index=4),
        record("astronaut", [f"thing {n}" for n in range(150)], index=5),
    ]
    found = run_on_copies(step, records)
    assert [bool(r.instances) for r in found] == [True, True, True, True, False, True]
    assert_company_does_not_matter(step, records)

    def build() -> GroundingDino:
        batched = GroundingDino(checkpoint=step.checkpoint, short_side=160, long_side=266, batch_size=4)
        batched.setup("cpu")
        return batched

    assert_batches_differ_by_rounding_only(build, records)


def test_labels_are_the_tags_as_given(step: GroundingDino) -> None:
    labels = {i.label for i in run_on_copies(step, [record("chelsea", ODD_TAGS)])[0].instances}
    assert labels
    assert labels <= set(ODD_TAGS)


def test_a_prompt_is_read_as_the_joined_text_is(step: GroundingDino) -> None:
    """Putting prompts together from tokens must give what the tokenizer makes of the whole caption."""
    tags = [tag for tag in ODD_TAGS if tag.strip() and tag != "[SEP]"]
    (question,) = step._ask(0, record("china", tags))
    whole = step.loaded.tokenizer(", ".join(tags).lower() + ".")["input_ids"]
    assert list(question.prompt.ids) == whole


def test_padding_of_the_text_changes_nothing(step: GroundingDino) -> None:
    import torch

    (question,) = step._ask(0, record("china", ["temple", "red roof", "sky"]))
    ids = torch.tensor([question.prompt.ids])
    pixels = step._ready(question).pixels[None]
    padded = torch.zeros(1, 96, dtype=torch.long)
    padded[0, : ids.shape[1]] = ids
    with torch.inference_mode():
        bare = step.loaded.network(pixels, ids, torch.ones_like(ids))
        more = step.loaded.network(pixels, padded, (torch.arange(96) < ids.shape[1]).long()[None])
    for one, other in zip(bare, more, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)


def test_boxes_lie_in_the_image_and_scores_pass_the_threshold(step: GroundingDino) -> None:
    (one,) = run_on_copies(step, [record("coffee", ["cup", "spoon", "table"])])
    boxes = np.array([i.box for i in one.instances])
    assert len(boxes) > 1
    assert (boxes >= 0).all() and (boxes[:, 2] <= one.width).all() and (boxes[:, 3] <= one.height).all()
    scores = [i.score for i in one.instances]
    assert min(scores) > step.box_threshold and scores == sorted(scores, reverse=True)


def test_the_box_threshold_decides(folder: Path, step: GroundingDino) -> None:
    tags = ["cup", "spoon"]
    (some,) = run_on_copies(step, [record("coffee", tags)])
    middle = sorted(i.score for i in some.instances)[len(some.instances) // 2]
    strict = GroundingDino(checkpoint=str(folder), short_side=160, long_side=266, box_threshold=middle)
    strict.setup("cpu")
    (fewer,) = run_on_copies(strict, [record("coffee", tags)])
    assert [i.score for i in fewer.instances] == [i.score for i in some.instances if i.score > middle]


def test_a_wrong_checkpoint_is_fatal(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="no such folder"):
        GroundingDino(checkpoint=str(tmp_path / "gone")).setup("cpu")


def test_half_precision_works_or_is_refused_before_any_item(folder: Path) -> None:
    import transformers

    half = GroundingDino(checkpoint=str(folder), short_side=160, long_side=266, dtype="bfloat16")
    if transformers.__version__.startswith("4."):
        with pytest.raises(FatalError, match=r"^dtype=bfloat16.*transformers 5"):
            half.setup("cpu")
        return
    half.setup("cpu")
    (one,) = run_on_copies(half, [record("coffee", ["cup", "spoon"])])
    assert one.instances and all(np.isfinite(i.score) for i in one.instances)


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="float32, bfloat16, float16"):
        GroundingDino(dtype="half")
    with pytest.raises(ValueError, match="port, native"):
        GroundingDino(backend="cuda")


@pytest.mark.skipif(importlib.util.find_spec("groundingdino") is not None, reason="the package is there")
def test_the_authors_package_is_named_where_it_is_missing() -> None:
    with pytest.raises(FatalError, match=r"groundingdino can't be imported.*pip install -e '\.\[native\]'"):
        GroundingDino(checkpoint="groundingdino_swint_ogc.pth", backend="native").setup("cpu")
