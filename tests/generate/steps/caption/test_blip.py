"""caption=blip: the same crops and words as blip2, by the smaller model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from labelyard.generate.errors import FatalError
from labelyard.generate.steps.caption.blip import BLIP
from labelyard.generate.steps.contract import assert_batches_differ_by_rounding_only, assert_company_does_not_matter
from tests.generate.steps.caption.test_blip2 import photos
from tests.tiny.caption import make_blip, make_blip2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_blip(tmp_path_factory.mktemp("blip"))


def ready(folder: Path, **options: Any) -> BLIP:
    step = BLIP(checkpoint=str(folder), **{"max_new_tokens": 6, **options})
    step.setup("cpu")
    return step


def said(folder: Path, crop: Image.Image, prompt: str) -> str:
    from transformers import AutoTokenizer, BlipForConditionalGeneration, BlipImageProcessor

    images: Any = BlipImageProcessor.from_pretrained(folder)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = BlipForConditionalGeneration.from_pretrained(folder).eval()
    given = dict(tokenizer(prompt, return_tensors="pt")) if prompt else {}
    given = {name: value for name, value in given.items() if name != "token_type_ids"}
    pixels = images(images=crop, return_tensors="pt")["pixel_values"]
    answer = model.generate(pixel_values=pixels, num_beams=5, max_new_tokens=6, do_sample=False, **given)[0]
    return str(tokenizer.decode(answer, skip_special_tokens=True)).removeprefix(prompt).strip()


@pytest.mark.parametrize("prompt", ["", "a photo of"])
def test_a_caption_is_what_the_model_says_to_the_crop_alone(folder: Path, prompt: str) -> None:
    done = photos()
    ready(folder, prompt=prompt)(done)
    assert done[0].instances[0].caption == f"thing. {said(folder, done[0].image.crop((100, 50, 400, 280)), prompt)}"
    assert done[3].instances[1].caption == f"thing. {said(folder, done[3].image.crop((0, 100, 512, 512)), prompt)}"
    assert done[0].instances[1].caption is None
    assert len({i.caption for r in done for i in r.instances}) > 3


def test_alone_and_in_company(folder: Path) -> None:
    assert_company_does_not_matter(ready(folder, batch_size=4), photos())


def test_batches_differ_by_rounding_only(folder: Path) -> None:
    assert_batches_differ_by_rounding_only(lambda: ready(folder, batch_size=4), photos())


def test_another_model_s_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match=r"not a checkpoint of BlipForConditionalGeneration|can't be loaded as Blip"):
        ready(make_blip2(tmp_path / "blip2"))
