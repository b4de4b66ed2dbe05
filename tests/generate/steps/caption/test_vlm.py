"""caption=vlm: a chat model is asked about every crop, and only its answer is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from labelyard.generate.errors import FatalError
from labelyard.generate.steps.caption.vlm import VLM
from labelyard.generate.steps.contract import assert_batches_differ_by_rounding_only, assert_company_does_not_matter
from labelyard.generate.steps.tools.crops import crops, on_square
from labelyard.generate.steps.tools.weights import on_pillow
from tests.generate.steps.caption.test_blip2 import photos
from tests.support.fault_server import FaultServer
from tests.tiny.caption import QWENS, make_blip, make_llava, make_qwen
from tests.tiny.records import record
from tests.tiny.seers import SEERS

PROMPT = "a photo of ?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_llava(tmp_path_factory.mktemp("llava"))


def ready(folder: Path, **options: Any) -> VLM:
    step = VLM(checkpoint=str(folder), dtype="float32", prompt=PROMPT, **{"max_new_tokens": 6, **options})
    step.setup("cpu")
    return step


def said(folder: Path, square: Image.Image) -> str:
    """By hand: the template's text as it must look, one picture, everything decoded, the question cut off."""
    from transformers import LlavaForConditionalGeneration, LlavaProcessor

    processor: Any = LlavaProcessor.from_pretrained(folder)
    model: Any = LlavaForConditionalGeneration.from_pretrained(folder).eval()
    given = processor(images=square, text=f"USER: <image> {PROMPT} ASSISTANT:", return_tensors="pt")
    answer = model.generate(**given, num_beams=5, max_new_tokens=6, do_sample=False)[0]
    text = str(processor.tokenizer.decode(answer))
    words = text.split("ASSISTANT:")[1].split()
    return " ".join(word for word in words if word not in ("<unk>", "</s>"))  # as special tokens are left out


def test_a_caption_is_the_answer_to_the_crop_alone(folder: Path) -> None:
    done = photos()
    step = ready(folder)
    step(done)
    question = step._question(crops(done, step.wants)[0])
    assert step.loaded.backend.written(question) == f"USER: <image> {PROMPT} ASSISTANT:"
    for number, box in ((0, (100, 50, 400, 280)), (2, (10, 10, 201, 201))):
        square = on_square(done[0].image.crop(box), 336, (0.48145466, 0.4578275, 0.40821073))
        words = said(folder, square)
        caption = done[0].instances[number].caption
        assert caption == f"thing. {words}"
        assert "USER" not in caption
    assert done[0].instances[1].caption is None
    assert len({i.caption for r in done for i in r.instances}) > 4


def test_alone_and_in_company(folder: Path) -> None:
    assert_company_does_not_matter(ready(folder, batch_size=4), photos())


def test_batches_differ_by_rounding_only(folder: Path) -> None:
    assert_batches_differ_by_rounding_only(lambda: ready(folder, batch_size=4), photos())


@pytest.fixture(scope="module", params=QWENS)
def qwen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_qwen(tmp_path_factory.mktemp("qwen") / request.param, request.param)


def said_by_qwen(folder: Path, square: Image.Image) -> str:
    """By hand: the picture's processor on Pillow, a token of the picture for every four of its squares."""
    from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoTokenizer

    pillow: Any = on_pillow()
    processor: Any = AutoImageProcessor.from_pretrained(folder, **pillow)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForImageTextToText.from_pretrained(folder).eval()
    given = processor(images=[square], return_tensors="pt")
    tokens = "<|image_pad|>" * (int(given["image_grid_thw"].prod()) // 4)
    words = tokenizer(f"USER: <|vision_start|>{tokens}<|vision_end|> {PROMPT} ASSISTANT:", return_tensors="pt")
    of_picture = (words["input_ids"] == model.config.image_token_id).long()
    types = {"mm_token_type_ids": of_picture} if "backend" in pillow else {}  # transformers 5 asks for them
    answer = model.generate(**given, **words, **types, num_beams=5, max_new_tokens=6, do_sample=False)[0]
    return str(tokenizer.decode(answer[words["input_ids"].shape[1] :], skip_special_tokens=True))


def test_qwens_are_asked_without_torchvision(qwen: Path) -> None:
    done = photos()
    step = ready(qwen)
    step(done)
    for number, box in ((0, (100, 50, 400, 280)), (2, (10, 10, 201, 201))):
        square = on_square(done[0].image.crop(box), 336, (0.48145466, 0.4578275, 0.40821073))
        assert done[0].instances[number].caption == f"thing. {' '.join(said_by_qwen(qwen, square).split())}"
    assert len({i.caption for r in done for i in r.instances}) > 4
    assert_company_does_not_matter(ready(qwen, batch_size=4), photos())


@pytest.mark.parametrize("kind", SEERS)
def test_the_presets_families_are_asked_as_their_own_processors_would(kind: str, tmp_path: Path) -> None:
    """Loaded without torchvision; InternVL's tiles are counted by hand, since its processor wants films'."""
    from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoProcessor, AutoTokenizer

    whole: Any = AutoProcessor
    images: Any = AutoImageProcessor
    folder = SEERS[kind](tmp_path / kind)
    done = photos()
    step = ready(folder, num_beams=1, side=40)
    step(done)
    model: Any = AutoModelForImageTextToText.from_pretrained(folder).eval()
    square = on_square(done[0].image.crop((100, 50, 400, 280)), 40, (0.48145466, 0.4578275, 0.40821073))
    text = "USER: {} a photo of ? ASSISTANT:"
    if kind == "internvl":
        seen = images.from_pretrained(folder, **on_pillow())(images=[square], crop_to_patches=True, return_tensors="pt")
        tokens = "<IMG_CONTEXT>" * (4 * int(seen.pop("num_patches")[0]))
        words = AutoTokenizer.from_pretrained(folder)(text.format(f"<img>{tokens}</img>"), return_tensors="pt")
        given = {**seen, **words}
    else:
        asked = text.format({"gemma": "<start>", "smolvlm": "<image>"}[kind])
        given = whole.from_pretrained(folder, **on_pillow())(images=[square], text=[asked], return_tensors="pt")
    if kind == "gemma":
        assert int(given["token_type_ids"].sum()) == 4, "the picture's tokens"
    else:
        given = {name: value for name, value in given.items() if name != "token_type_ids"}
    (crop,) = (crop for crop in crops(done, step.wants) if crop.instance is done[0].instances[0])
    inputs = step.loaded.backend._ready(step._question(crop)).inputs
    assert inputs.keys() == given.keys()
    assert [name for name in given if not torch.equal(inputs[name], given[name])] == []
    answer = model.generate(**given, num_beams=1, max_new_tokens=6, do_sample=False)[0, given["input_ids"].shape[1] :]
    said = step.loaded.backend._tokenizer.decode(answer, skip_special_tokens=True)
    assert done[0].instances[0].caption == f"thing. {' '.join(said.split())}"
    assert len({i.caption for r in done for i in r.instances}) > 3
    assert_company_does_not_matter(step, photos()[:2], disturbed=False)


def test_thin_crops_are_asked_about_too(folder: Path) -> None:
    thin = record("china", boxes=[(0, 10, 640, 12), (0, 0, 3, 427)])
    ready(folder, min_area=1)([thin])
    assert all(instance.caption for instance in thin.instances)


def test_a_crop_lies_whole_in_the_middle_of_its_square() -> None:
    wide = Image.new("RGB", (40, 10), (255, 0, 0))
    square = on_square(wide, 20, (0.0, 0.5, 1.0))
    assert square.size == (20, 20)
    assert [square.getpixel((10, y)) for y in (0, 6, 8, 11, 14)] == [
        (0, 128, 255),
        (0, 128, 255),
        (255, 0, 0),
        (255, 0, 0),
        (0, 128, 255),
    ]
    assert on_square(Image.new("RGB", (1, 900)), 30, (0, 0, 0)).size == (30, 30)


def test_messages(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^prompt='': .*give prompt='"):
        VLM(checkpoint=str(folder), prompt=" ")
    with pytest.raises(FatalError, match=r"chat template can't be used|can't be loaded as AutoProcessor"):
        ready(make_blip(tmp_path / "blip"))
    with pytest.raises(ValueError, match=r"^num_beams=5: servers don't search so; use num_beams=1"):
        VLM(checkpoint="tiny", base_url="http://127.0.0.1:9/v1")
    untold = make_llava(tmp_path / "llava")
    for name in ("chat_template.jinja", "chat_template.json"):
        (untold / name).unlink(missing_ok=True)
    with pytest.raises(FatalError, match=r"chat template can't be used.*chat_template\.jinja"):
        ready(untold)


def test_half_precision_reaches_the_picture(folder: Path) -> None:
    step = ready(folder)
    half = VLM(checkpoint=str(folder), prompt=PROMPT, max_new_tokens=6)
    half.setup("cpu")
    assert {p.dtype for p in half.loaded.backend.model.parameters()} == {torch.bfloat16}
    one, other = photos(), photos()
    step(one)
    half(other)
    assert all(i.caption for r in other for i in r.instances if r.item.id != "chelsea-0")


def test_which_instances_get_a_caption_and_whether_it_is_named(folder: Path) -> None:
    some = ready(folder, min_part=0.2, roles=["object"], name_category=False)
    done = photos()[:1]
    for one in done[0].instances[2:]:
        one.extra["role"] = "floating"
    some(done)
    (first, *others) = done[0].instances
    assert first.caption and not first.caption.startswith("thing. ")
    assert all(one.caption is None for one in others), "too small for a fifth of the image, or floating"
    whole = ready(folder, min_part=0.9)
    assert not any(whole.wants(done[0], one) for one in done[0].instances)


def test_a_server_is_asked_about_every_crop() -> None:
    done = photos()
    with FaultServer() as server:
        step = VLM(checkpoint="tiny", base_url=server.address, num_beams=1, prompt="what is this {label}?", side=64)
        step.setup("cpu")
        step(done)
    (said, *_) = [i.caption for record in done for i in record.instances if i.caption]
    assert said == "you said what is this thing?" and len(server.asked) > 4
    assert server.asked[0].body["max_tokens"] == 30
    assert server.asked[0].body["messages"][0]["content"][0]["image_url"]["url"].startswith("data:image/jpeg;base64,")
