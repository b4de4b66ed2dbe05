from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from labelyard.generate.record import Aside, Record, Tag
from labelyard.generate.steps.contract import as_on_a_gpu, assert_company_does_not_matter, run_on_copies
from labelyard.generate.steps.ground.omdet import OmDet
from tests.tiny.ground import make_omdet
from tests.tiny.records import record

LEAST = 0.02


def small(one: Record) -> Record:
    one.image = one.image.resize((96, 80))
    return one


@pytest.fixture(scope="module")
def step(tmp_path_factory: pytest.TempPathFactory) -> OmDet:
    folder = make_omdet(tmp_path_factory.mktemp("tiny") / "omdet")
    step = OmDet(checkpoint=str(folder), box_threshold=LEAST, iou_threshold=1.0)
    step.setup("cpu")
    return step


@pytest.fixture
def records() -> list[Record]:
    """Names of which one begins as another does, the same ones twice, none, and more than its task holds."""
    same = ["cat", "cat's eye"]
    return [
        small(record("china", ["temple", "temple roof", "roof"], index=0)),
        small(record("flower", [], index=1)),
        record("chelsea", same, index=2),
        small(record("coffee", same, index=3)),
        small(record("astronaut", [f"thing {n}" for n in range(300)], index=4)),
    ]


def test_alone_and_in_company(step: OmDet, records: list[Record]) -> None:
    found = run_on_copies(step, records)
    assert [bool(one.instances) for one in found] == [True, False, True, True, True]
    for one, given in zip(found, records, strict=True):
        assert {i.label for i in one.instances} <= {tag.name for tag in given.tags}
        boxes = np.array([i.box for i in one.instances]).reshape(-1, 4)
        assert (boxes >= 0).all() and (boxes <= [*one.image.size] * 2).all()
        assert [i.score for i in one.instances] == sorted((i.score for i in one.instances), reverse=True)
    assert len({i.label for i in found[4].instances}) > 5
    assert_company_does_not_matter(step, records[:4])
    with as_on_a_gpu():
        batched = OmDet(checkpoint=step.checkpoint, box_threshold=LEAST, iou_threshold=1.0, batch_size=2)
        batched.setup("cpu")
        for one, other in zip(found[:4], run_on_copies(batched, records[:4]), strict=True):
            mine, theirs = ([[i.score, *i.box] for i in record.instances] for record in (one, other))
            np.testing.assert_allclose(mine, theirs, atol=1e-2)


def test_it_is_what_the_model_says(step: OmDet, records: list[Record]) -> None:
    """Asked as in transformers, whose own way back to boxes wants torchvision."""
    import torch

    one = records[0]
    (found,) = run_on_copies(step, [one])
    names = [tag.name for tag in one.tags]

    def read(texts: list[str]) -> Any:
        return step.loaded.tokenizer(texts, padding="max_length", max_length=77, return_tensors="pt")

    asked, task = read(names), read([f"Detect {', '.join(names)}."])
    with torch.inference_mode():
        answer = step.loaded.model(
            pixel_values=step.loaded.processor(images=one.image, return_tensors="pt")["pixel_values"],
            classes_input_ids=asked["input_ids"],
            classes_attention_mask=asked["attention_mask"],
            tasks_input_ids=task["input_ids"],
            tasks_attention_mask=task["attention_mask"],
            classes_structure=torch.tensor([len(names)]),
        )
    scores, places = answer.decoder_class_logits[0].sigmoid().max(dim=1)
    order = [q for q in scores.argsort(descending=True).tolist() if scores[q] > LEAST]
    assert [i.label for i in found.instances] == [names[places[q]] for q in order] and len(order) > 3
    np.testing.assert_allclose([i.score for i in found.instances], scores[order].numpy(), atol=1e-5)


def test_a_name_is_read_once_and_may_differ_from_what_is_asked(step: OmDet) -> None:
    one = record("chelsea", [], index=0)
    one.aside["list"] = Aside(tags=[Tag("puss", 1.0, "cat"), Tag("hound", 1.0, "dog")])
    asking = OmDet(checkpoint=step.checkpoint, asks=["list"], task="Detect all.", box_threshold=LEAST)
    asking.setup("cpu")
    read: list[int] = []
    hook = asking.loaded.model.language_backbone.register_forward_hook(lambda *_: read.append(1))
    for _ in range(2):
        (found,) = run_on_copies(asking, [one])
        assert found.instances and {i.label for i in found.instances} <= {"puss", "hound"}
    hook.remove()
    assert len(read) == 3, "two names and the task"


def test_the_published_checkpoint_wants_timm(step: OmDet) -> None:
    assert "pip install timm" in (OmDet().lacking() or "")
    assert step.lacking() is None
    with pytest.raises(ValueError, match="task=''"):
        OmDet(task=" ")


def test_a_name_s_own_threshold_holds(step: OmDet) -> None:
    one = small(record("chelsea", ["cat", "dog"]))
    (plain,) = run_on_copies(step, [one])
    scores = sorted(i.score for i in plain.instances if i.label == "cat")
    middle = scores[len(scores) // 2]
    one.tags = [Tag("cat", 1.0, extra={"threshold": middle}), Tag("beast", 1.0, "dog")]
    (found,) = run_on_copies(step, [one])
    own = [i.score for i in found.instances if i.label == "cat"]
    assert len(scores) > 2 and own and min(own) > middle
    assert {i.label for i in found.instances} == {"cat", "beast"}
