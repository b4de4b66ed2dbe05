from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from labelyard.generate.record import Aside, Record, Tag
from labelyard.generate.steps.contract import assert_company_does_not_matter, run_on_copies
from labelyard.generate.steps.ground.sam3 import Sam3
from labelyard.utils.rle import decode
from tests.tiny.records import record
from tests.tiny.sam3 import make_sam3

LEAST = 0.05  # random weights are sure of nothing


def small(one: Record) -> Record:
    one.image = one.image.resize((96, 80))
    return one


@pytest.fixture(scope="module")
def step(tmp_path_factory: pytest.TempPathFactory) -> Sam3:
    folder = make_sam3(tmp_path_factory.mktemp("tiny") / "sam3")
    step = Sam3(checkpoint=str(folder), box_threshold=LEAST, iou_threshold=1.0)
    step.setup("cpu")
    return step


@pytest.fixture
def records() -> list[Record]:
    """Names of which one begins as another does, many, and none."""
    return [
        small(record("china", ["temple", "temple roof", "roof"], index=0)),
        small(record("flower", [], index=1)),
        record("chelsea", ["cat", "cat's eye"], index=2),
        small(record("astronaut", [f"thing {n}" for n in range(300)], index=3)),
    ]


def test_alone_and_in_company(step: Sam3, records: list[Record]) -> None:
    found = run_on_copies(step, records)
    assert [bool(one.instances) for one in found] == [True, False, True, True]
    for one, given in zip(found, records, strict=True):
        assert {i.label for i in one.instances} <= {tag.name for tag in given.tags}
        assert all(i.mask is not None and i.mask["size"] == [one.height, one.width] for i in one.instances)
        boxes = np.array([i.box for i in one.instances]).reshape(-1, 4)
        assert (boxes >= 0).all() and (boxes[:, 2] <= one.width).all() and (boxes[:, 3] <= one.height).all()
        assert [i.score for i in one.instances] == sorted((i.score for i in one.instances), reverse=True)
    assert len({i.label for i in found[3].instances}) > 50
    assert_company_does_not_matter(step, records[:3])


def test_an_image_is_encoded_once_and_a_name_once(step: Sam3, records: list[Record]) -> None:
    counts = {"vision_encoder": 0, "text_encoder": 0}

    def counted(name: str) -> Any:
        def hook(*_: Any) -> None:
            counts[name] += 1

        return getattr(step.loaded.network.model, name).register_forward_hook(hook)

    step.loaded.network.names.clear()
    hooks = [counted(name) for name in counts]
    run_on_copies(step, [records[0], records[1], records[2]])
    again = run_on_copies(step, [record("rocket", ["cat", "roof", "rocket"], index=5)])
    for hook in hooks:
        hook.remove()
    assert counts == {"vision_encoder": 3, "text_encoder": 6} and len(again) == 1


def test_it_is_what_the_model_says_of_one_name(step: Sam3) -> None:
    """The authors' way from its answer to things, by hand."""
    import torch

    one = record("china", ["temple"], index=0)
    (found,) = run_on_copies(step, [one])
    text = step.loaded.network.tokenizer("temple", return_tensors="pt", padding="max_length", max_length=32)
    with torch.inference_mode():
        answer = step.loaded.network.model(pixel_values=step.loaded.network.pixels(one.image)[None], **text)
    scores = answer.pred_logits[0].sigmoid() * answer.presence_logits[0].sigmoid()
    kept = scores > LEAST
    order = scores[kept].argsort(descending=True)
    whole = torch.nn.functional.interpolate(
        answer.pred_masks[0][kept].sigmoid()[None], (one.height, one.width), mode="bilinear", align_corners=False
    )[0]
    boxes = answer.pred_boxes[0][kept] * torch.tensor([one.width, one.height] * 2)
    assert len(order) == len(found.instances) > 2
    for number, instance in zip(order.tolist(), found.instances, strict=True):
        assert instance.score == pytest.approx(float(scores[kept][number]), abs=1e-5)
        limits = np.array([one.width, one.height] * 2)
        assert instance.box == pytest.approx(tuple(np.clip(boxes[number].numpy(), 0, limits)), abs=0.05)
        assert instance.mask is not None
        assert (decode(instance.mask) != (whole[number] > 0.5).numpy()).mean() < 1e-4


def test_what_is_asked_may_differ_from_the_name_and_things_overlap_once(step: Sam3) -> None:
    one = record("chelsea", [], index=0)
    one.aside["list"] = Aside(tags=[Tag("puss", 1.0, "cat"), Tag("tabby", 1.0, "cat")])
    asking = Sam3(checkpoint=step.checkpoint, asks=["list"], box_threshold=LEAST, iou_threshold=0.9)
    asking.setup("cpu")
    (found,) = run_on_copies(asking, [one])
    # Both names ask for the same, and so find the same: the first keeps it.
    assert found.instances and {i.label for i in found.instances} == {"puss"}


def test_a_name_s_own_threshold_holds_and_its_synonyms_go_by_it(step: Sam3) -> None:
    one = small(record("chelsea", ["cat", "dog"]))
    (plain,) = run_on_copies(step, [one])
    scores = sorted(i.score for i in plain.instances if i.label == "cat")
    middle = scores[len(scores) // 2]
    one.tags = [Tag("cat", 1.0, extra={"threshold": middle}), Tag("beast", 1.0, "dog", {"synonyms": ["cow"]})]
    (found,) = run_on_copies(step, [one])
    own = [i.score for i in found.instances if i.label == "cat"]
    assert len(scores) > 2 and own and min(own) > middle
    assert {i.label for i in found.instances} == {"cat", "beast"}
