"""caption=florence2: told by a task how much to say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from labelyard.generate.errors import FatalError
from labelyard.generate.steps.caption.florence2 import Florence2
from labelyard.generate.steps.contract import assert_batches_differ_by_rounding_only, assert_company_does_not_matter
from tests.generate.steps.caption.test_blip2 import photos
from tests.tiny.caption import make_florence2

QUESTIONS = {
    "<CAPTION>": "What does the image describe?",
    "<DETAILED_CAPTION>": "Describe in detail what is shown in the image.",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_florence2(tmp_path_factory.mktemp("florence2"))


def ready(folder: Path, **options: Any) -> Florence2:
    step = Florence2(checkpoint=str(folder), **{"max_new_tokens": 6, **options})
    step.setup("cpu")
    return step


def said(folder: Path, crop: Image.Image, question: str) -> str:
    from transformers import Florence2ForConditionalGeneration, Florence2Processor

    processor: Any = Florence2Processor.from_pretrained(folder)
    model: Any = Florence2ForConditionalGeneration.from_pretrained(folder).eval()
    given = processor(images=crop, text=question, return_tensors="pt")
    answer = model.generate(**given, num_beams=5, max_new_tokens=6, do_sample=False)[0]
    return str(processor.tokenizer.decode(answer, skip_special_tokens=True)).strip()


@pytest.mark.parametrize("task", list(QUESTIONS))
def test_a_caption_is_what_the_model_says_to_the_crop_alone(folder: Path, task: str) -> None:
    done = photos()
    ready(folder, prompt=task)(done)
    words = [
        said(folder, done[0].image.crop(box), QUESTIONS[task]) for box in ((100, 50, 400, 280), (10, 10, 201, 201))
    ]
    found = [done[0].instances[number].caption for number in (0, 2)]
    assert found == [f"thing. {text}" if text else None for text in words]
    assert done[0].instances[1].caption is None
    assert len({i.caption for r in done for i in r.instances}) > 2


def test_alone_and_in_company(folder: Path) -> None:
    assert_company_does_not_matter(ready(folder, batch_size=4), photos())


def test_batches_differ_by_rounding_only(folder: Path) -> None:
    assert_batches_differ_by_rounding_only(lambda: ready(folder, batch_size=4), photos())


def test_messages(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"prompt='<OD>': unknown to Florence-2; one of <CAPTION>, <DETAILED_CAPTION>"):
        Florence2(prompt="<OD>")
    with pytest.raises(FatalError, match=r"no such folder"):
        ready(tmp_path / "absent")
