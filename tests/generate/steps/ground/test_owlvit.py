"""The first OWL-ViT, and boxes by name, as GranD wants them of it and of others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from labelyard.generate.steps.contract import assert_company_does_not_matter, run_on_copies
from labelyard.generate.steps.ground.detections import Detection
from labelyard.generate.steps.ground.groundingdino import GroundingDino
from labelyard.generate.steps.ground.owlvit import OwlVit
from tests.tiny.ground import make_groundingdino, make_owlvit
from tests.tiny.records import record


def test_alone_and_in_company(tmp_path: Path) -> None:
    step = OwlVit(checkpoint=str(make_owlvit(tmp_path)), prompt="{tag}", iou_threshold=1.0, add=["trees"])
    step.setup("cpu")
    records = [record("china", ["temple"]), record("flower", index=1)]
    for one in records:
        one.image = one.image.resize((90, 60))
    found = run_on_copies(step, records)
    corners = np.array([i.box for one in found for i in one.instances])
    assert len(corners) and (corners <= [90, 60, 90, 60]).all() and corners[:, 2].max() > 60, "of width and of height"
    assert {i.label for i in found[1].instances} == {"trees"}
    assert_company_does_not_matter(step, records)


def test_the_frame_is_that_of_the_port_s_own_processor() -> None:
    import transformers

    name = "OwlViTImageProcessorPil" if hasattr(transformers, "OwlViTImageProcessorPil") else "OwlViTImageProcessor"
    processor = getattr(transformers, name)(size={"height": 96, "width": 96})
    picture = record("china").image
    theirs = processor(images=picture, return_tensors="np")["pixel_values"][0]
    np.testing.assert_allclose(OwlVit().pixels(picture, 96).numpy(), theirs, atol=1e-5)


def test_of_each_name_the_best_so_many() -> None:
    found = [Detection((0, 0, 1, 1), score, label) for score, label in ((0.3, "a"), (0.9, "b"), (0.5, "a"), (0.4, "a"))]
    assert OwlVit().best(found) == found
    assert OwlVit(per_name=1).best(found) == found[1:3]
    assert OwlVit(per_name=2).best(found) == found[1:]


def test_each_phrase_may_be_a_prompt_of_its_own(tmp_path: Path) -> None:
    phrases = ["a dog", "a big dog", "A Dog", "zebra " * 80]
    step = GroundingDino(checkpoint=str(make_groundingdino(tmp_path)), prompts="single", per_name=1, iou_threshold=1.0)
    step.setup("cpu")
    one = record("china", phrases)
    asked = step._ask(0, one)
    assert [question.prompt.tags for question in asked] == [("a dog",), ("a big dog",), ("zebra " * 80,)]
    assert len(asked[2].prompt.ids) == step.loaded.network.limit
    one.image = one.image.resize((60, 40))
    step.short_side = 48
    (found,) = run_on_copies(step, [one])
    labels = [i.label for i in found.instances]
    assert labels and len(labels) == len(set(labels))
    with pytest.raises(ValueError, match="separator"):
        GroundingDino(separator=";")
