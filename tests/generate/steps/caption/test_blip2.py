"""caption=blip2, and what all captioners share: which crops, in which words, in which company."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from labelyard.generate.errors import FatalError
from labelyard.generate.record import Record
from labelyard.generate.steps.caption.blip2 import BLIP2
from labelyard.generate.steps.caption.captioner import with_category
from labelyard.generate.steps.contract import assert_batches_differ_by_rounding_only, assert_company_does_not_matter
from labelyard.generate.steps.tools.crops import area, crops, cut
from tests.tiny.caption import make_blip2, make_blip2_opt
from tests.tiny.records import record


def photos() -> list[Record]:
    return [
        record("chelsea", index=0, boxes=[(100, 50, 400, 280), (5, 5, 30, 30), (10.4, 10.4, 200.6, 200.6)]),
        record("coffee", index=1, boxes=[(0, 0, 600, 400)]),
        record("china", index=2),
        record("astronaut", index=3, boxes=[(100, 0, 300, 250), (0, 100, 512, 512), (0, 0, 64, 16)]),
    ]


@pytest.fixture(scope="module", params=[make_blip2, make_blip2_opt], ids=["t5", "opt"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    make: Callable[[Path], Path] = request.param
    return make(tmp_path_factory.mktemp("blip2"))


def ready(folder: Path, **options: Any) -> BLIP2:
    step = BLIP2(checkpoint=str(folder), dtype="float32", **{"max_new_tokens": 6, **options})
    step.setup("cpu")
    return step


def said(folder: Path, crop: Image.Image, prompt: str) -> str:
    """By the shortest way in transformers: its own processor, one picture, no batch."""
    from transformers import Blip2ForConditionalGeneration, Blip2Processor

    processor: Any = Blip2Processor.from_pretrained(folder)
    model: Any = Blip2ForConditionalGeneration.from_pretrained(folder).eval()
    # Without a prompt it makes up the start itself, from the configuration.
    given = processor(images=crop, text=prompt or None, return_tensors="pt")
    answer = model.generate(**given, num_beams=5, max_new_tokens=6, do_sample=False)[0]
    text: str = processor.tokenizer.decode(answer, skip_special_tokens=True).strip()
    return text.removeprefix(prompt).strip()


@pytest.mark.parametrize("prompt", ["", "a photo of"])
def test_a_caption_is_what_the_model_says_to_the_crop_alone(folder: Path, prompt: str) -> None:
    done = photos()
    ready(folder, prompt=prompt)(done)
    cat, small, other = done[0].instances
    assert cat.caption == f"thing. {said(folder, done[0].image.crop((100, 50, 400, 280)), prompt)}"
    assert other.caption == f"thing. {said(folder, done[0].image.crop((10, 10, 201, 201)), prompt)}"
    assert cat.caption_source == "model"
    assert (small.caption, small.caption_source) == (None, None)
    assert done[3].instances[2].caption is not None, "64x16 is as large as 32x32"
    assert len({i.caption for r in done for i in r.instances}) > 4


def test_alone_and_in_company(folder: Path) -> None:
    assert_company_does_not_matter(ready(folder, batch_size=4), photos())
    assert_company_does_not_matter(ready(folder, batch_size=3, num_beams=1), photos())


def test_batches_differ_by_rounding_only(folder: Path) -> None:
    assert_batches_differ_by_rounding_only(lambda: ready(folder, batch_size=4), photos())


def test_an_instance_that_has_become_too_small_loses_its_caption(folder: Path) -> None:
    step, records = ready(folder), photos()
    step(records)
    records[1].instances[0].box = (0, 0, 31, 33)
    step(records)
    assert (records[1].instances[0].caption, records[1].instances[0].caption_source) == (None, None)
    assert records[3].instances[0].caption is not None


def test_freed_and_set_up_again_it_says_the_same(folder: Path) -> None:
    step, before, after = ready(folder), photos(), photos()
    step(before)
    step.free()
    assert not hasattr(step.loaded, "model")
    step.setup("cpu")
    step(after)
    assert [i.caption for r in before for i in r.instances] == [i.caption for r in after for i in r.instances]


def test_the_category_stands_before_words_that_do_not_name_it() -> None:
    assert with_category("cat", "an orange Cat on a bed") == "an orange Cat on a bed"
    assert with_category("Dog", "an orange cat") == "Dog. an orange cat"
    assert with_category("cat", " two\n lines ") == "cat. two lines"
    assert with_category("cat", "  ") == ""


def test_crops_are_cut_to_the_pixel_within_the_image_and_sorted_by_size() -> None:
    image = Image.new("RGB", (40, 30))
    for y in range(30):
        for x in range(40):
            image.putpixel((x, y), (x, y, 0))
    part = cut(image, (9.6, 4.4, 20.4, 29.9))
    assert (part.size, part.getpixel((0, 0)), part.getpixel((9, 25))) == ((10, 26), (10, 4, 0), (19, 29, 0))
    assert cut(image, (-5, -5, 100, 100)).size == (40, 30)
    assert cut(image, (39.7, 10.2, 40, 10.4)).size == (1, 1)

    some = photos()
    found = crops(some, lambda _, one: area(one.box) >= 1024)
    areas = [crop.image.width * crop.image.height for crop in found]
    assert areas == sorted(areas, reverse=True)
    assert len(found) == 6  # of seven, one is too small


def test_messages(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match=r"no such folder.*launch/fetch\.py"):
        BLIP2(checkpoint=str(tmp_path / "absent")).setup("cpu")
    with pytest.raises(ValueError, match="backend='lavis': unknown; one of port, native"):
        BLIP2(backend="lavis")


def test_defaults_are_the_original_s() -> None:
    step = BLIP2()
    assert step.checkpoints()[0].location == "Salesforce/blip2-flan-t5-xxl"
    assert step.generation() == {
        "do_sample": False,
        "num_beams": 5,
        "max_new_tokens": 30,
        "length_penalty": 1.0,
        "repetition_penalty": 1.0,
    }


def test_lavis_is_asked_for_where_it_is_not() -> None:
    step = BLIP2(backend="native")
    assert step.checkpoints() == ()
    with pytest.raises(FatalError, match=r"requirements/lavis\.txt|can't build it"):
        step.setup("cpu")
    with pytest.raises(FatalError, match="name/type"):
        BLIP2(backend="native", native_model="blip2").setup("cpu")
