"""caption.backend=native: LAVIS's own BLIP-2 answers.

A tiny one, of LAVIS's own parts, see tiny_lavis.py. It runs in the environment of requirements/lavis.txt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from PIL import Image

from labelyard.generate.steps.caption.blip2 import BLIP2
from labelyard.generate.steps.contract import assert_company_does_not_matter
from labelyard.generate.steps.models.lavis.native import describer
from tests.native.tiny_lavis import SIDE, assembled
from tests.tiny.records import record

pytestmark = pytest.mark.native

REASON = "LAVIS is not importable: see requirements/lavis.txt"


@pytest.fixture(scope="module")
def original() -> Any:
    pytest.importorskip("lavis.models", reason=REASON, exc_type=ImportError)
    return assembled()


def ready(original: Any, prompt: str = "") -> BLIP2:
    from lavis.processors.blip_processors import BlipImageEvalProcessor

    step = BLIP2(backend="native", max_new_tokens=6, batch_size=3, prompt=prompt)
    step.loaded.native = describer(original, BlipImageEvalProcessor(image_size=SIDE), "cpu")
    return step


def photos() -> list[Any]:
    boxes = [(10.0, 10.0, 200.0, 200.0), (100.0, 50.0, 400.0, 280.0), (0.0, 0.0, 20.0, 20.0)]
    return [record("chelsea", index=0, boxes=boxes), record("coffee", index=1, boxes=[(0.0, 0.0, 600.0, 400.0)])]


def said(original: Any, crops: Sequence[Image.Image], **options: Any) -> list[str]:
    """As the original pipeline calls it: one crop, LAVIS's defaults."""
    from lavis.processors.blip_processors import BlipImageEvalProcessor

    process = BlipImageEvalProcessor(image_size=SIDE)
    with torch.no_grad():
        return [original.generate({"image": process(crop)[None], **options}, max_length=6)[0] for crop in crops]


@pytest.mark.parametrize("prompt", ["", "a photo of"])
def test_lavis_says_the_same_to_the_crop_alone(original: Any, prompt: str) -> None:
    done = photos()
    ready(original, prompt)(done)
    crops = [done[0].image.crop((10, 10, 200, 200)), done[0].image.crop((100, 50, 400, 280)), done[1].image]
    options = {"prompt": prompt} if prompt else {}
    wanted = [f"thing. {text}" for text in said(original, crops, **options)]
    found = [i.caption for r in done for i in r.instances]
    assert found == [wanted[0], wanted[1], None, wanted[2]]
    assert len(set(wanted)) == 3


def test_alone_and_in_company(original: Any) -> None:
    assert_company_does_not_matter(ready(original), photos())
