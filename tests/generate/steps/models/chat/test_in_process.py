"""Models that are asked in the worker's own process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from labelyard.generate.errors import FatalError, ItemError
from labelyard.generate.record import Record, Text
from labelyard.generate.steps.contract import as_on_a_gpu, assert_company_does_not_matter
from labelyard.generate.steps.models.chat.messages import Answer, Request
from labelyard.generate.steps.models.chat.sampling import Dice
from labelyard.generate.steps.models.chat.step import ChatStep
from tests.support.scripted import Scripted, answering
from tests.tiny.caption import make_blip2, make_llava, make_qwen
from tests.tiny.chat import make_talker
from tests.tiny.records import record

PHOTOS = ("china", "chelsea", "coffee")


@dataclass(kw_only=True)
class Teller(ChatStep):
    reads = ("image",)
    writes = ("texts.teller",)

    def __call__(self, records: Sequence[Record]) -> None:
        asked = [self.request(r, f"a photo of {r.item.id} ?", [r.image]) for r in records]
        for one, answer in zip(records, self.ask(asked), strict=True):
            one.texts["teller"] = Text(answer.text, "model", facts=self.facts(answer))


def ready(folder: Path, kind: type[ChatStep] = ChatStep, **options: Any) -> ChatStep:
    step = kind(checkpoint=str(folder), **{"dtype": "float32", "max_tokens": 6, "backend": "transformers", **options})
    step.name = "teller"
    step.setup("cpu")
    return step


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_llava(tmp_path_factory.mktemp("llava"))


@pytest.fixture(scope="module")
def talker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_talker(tmp_path_factory.mktemp("talker"))


def questions(*lengths: int, **more: Any) -> list[Request]:
    return [Request("why? " * n, seed=n, item=str(n), **more) for n in lengths]


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_a_picture_alone_and_in_company(llava: Path, temperature: float) -> None:
    photos = [record(name, index=n) for n, name in enumerate(PHOTOS)]
    step = ready(llava, Teller, temperature=temperature, max_tokens=4)
    assert_company_does_not_matter(step, photos, disturbed=temperature == 0)
    step(photos)
    assert len({one.texts["teller"].text for one in photos}) == 3
    facts = photos[0].texts["teller"].facts
    assert facts == {"finish": "length", "prompt_tokens": facts["prompt_tokens"], "tokens": 4}


def test_in_batches_as_alone(talker: Path) -> None:
    asked = questions(3, 1, 2, 3, 2, 4)
    step = ready(talker, temperature=1.0, top_p=0.9, top_k=50, repetition_penalty=1.2, max_tokens=12)
    alone = [step.ask([one])[0] for one in asked]
    with as_on_a_gpu():
        company = ready(
            talker, temperature=1.0, top_p=0.9, top_k=50, repetition_penalty=1.2, max_tokens=12, batch_size=4
        )
        assert company.ask(asked) == alone
    assert len({answer.text for answer in alone}) > 3


def test_a_draw_is_from_the_model_s_own_distribution() -> None:
    scores = torch.tensor([[0.0, 1.0, 2.0, -1.0]])
    dice = Dice([3])
    drawn = torch.stack([dice(torch.empty(0), scores).argmax() for _ in range(4000)])
    seen = torch.bincount(drawn, minlength=4) / 4000
    assert (seen - scores.softmax(1)[0]).abs().max() < 0.025


def test_a_text_is_asked_by_the_checkpoint_s_own_template(talker: Path) -> None:
    step = ready(talker)
    written = step.loaded.backend.written(Request("why?", system="be brief"))
    assert (
        written == "<|im_start|>system\nbe brief<|im_end|>\n<|im_start|>user\nwhy?<|im_end|>\n<|im_start|>assistant\n"
    )
    literal = ready(talker, template="Q: {prompt}\nA:")
    assert literal.loaded.backend.written(Request("{prompt} why?")) == "Q: {prompt} why?\nA:"
    by_hand, text = ready(talker).loaded.backend, "Q: why?\nA:"
    ids = by_hand._tokenizer(text, return_tensors="pt")["input_ids"]
    said = by_hand.model.generate(ids, max_new_tokens=6, do_sample=False)[0, ids.shape[1] :]
    assert literal.ask([Request("why?")])[0].text == by_hand._tokenizer.decode(said).strip()


def test_a_system_that_a_template_refuses_goes_before_the_question(tmp_path: Path) -> None:
    refusing = (
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('No system role') }}{% endif %}"
        "[{{ m.content }}]{% endfor %}"
    )
    step = ready(make_talker(tmp_path, template=refusing))
    assert step.loaded.backend.written(Request("why?", system="be brief")) == "[be brief\n\nwhy?]"


def test_prompts_that_are_too_long_are_their_items_error_alone(talker: Path) -> None:
    step = ready(talker, max_model_len=70, max_tokens=50)
    with pytest.raises(ItemError, match=r"a prompt of \d+ tokens leaves no room in max_model_len=70") as caught:
        step.ask(questions(1, 12, 2))
    assert caught.value.item_id == "12"
    short, longer = step.ask(questions(1, 2))
    assert short.prompt_tokens + short.answer_tokens <= 70 and longer.answer_tokens < 50
    assert longer.prompt_tokens + longer.answer_tokens == 70 or longer.finish == "stop"


def test_stops_and_ends(talker: Path) -> None:
    step = ready(talker, max_tokens=30)
    (whole,) = step.ask(questions(1))
    stop = whole.text[2:4]
    (cut,) = ready(talker, max_tokens=30, stop=[stop]).ask(questions(1))
    assert cut.text == whole.text[: whole.text.index(stop)].strip() and cut.finish == "stop"


def test_blip2_is_asked_in_its_own_words(tmp_path: Path) -> None:
    step = ready(make_blip2(tmp_path))
    assert step.loaded.backend.written(Request("what is it?")) == "Question: what is it? Answer:"
    (answer,) = step.ask([Request("what is it?", images=(record("china").image,))])
    assert answer.text and answer.answer_tokens == 6


def test_several_pictures_in_one_question(tmp_path: Path) -> None:
    step = ready(make_qwen(tmp_path, "Qwen2VL"))
    pictures = tuple(record(name).image for name in PHOTOS)
    one, three = step.ask([Request("what?", images=pictures[:1]), Request("what?", images=pictures)])
    assert three.prompt_tokens > one.prompt_tokens + 8


def test_messages(talker: Path, llava: Path, tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="which can't be shown pictures"):
        ready(talker).ask([Request("what?", images=(record("china").image,))])
    with pytest.raises(FatalError, match=r"chat template can't be used .*template='USER: \{prompt\} ASSISTANT:'"):
        ready(make_talker(tmp_path, template=None))
    with pytest.raises(ValueError, match=r"template='hm': give a text with \{prompt\}"):
        ready(llava, template="hm")
    with pytest.raises(ValueError, match="use max_tokens=50"):
        ready(llava, max_model_len=100, max_tokens=200)


def scripted(*rounds: list[Answer | Exception], **options: Any) -> tuple[ChatStep, Scripted]:
    step = ChatStep(checkpoint="x", backend="transformers", **options)
    return step, answering(step, list(rounds))


def test_an_answer_that_does_not_fit_is_asked_for_again() -> None:
    step, backend = scripted(
        [Answer('{"n": 1}', "stop", 10, 2), Answer("none", "stop", 10, 3)], [Answer('{"n": 2}', "stop", 20, 4)]
    )
    schema = {"type": "object", "required": ["n"]}
    one, two = step.ask(questions(1, 2, schema=schema))
    assert (one.value, two.value) == ({"n": 1}, {"n": 2})
    assert (two.prompt_tokens, two.answer_tokens) == (30, 7), "both were paid for"
    (again,) = backend.asked[1]
    assert again.text.startswith(
        "why? why? \n\nYour answer was: none\nThat can't be used: there is no JSON in it that is an object."
    )
    assert again.seed != 2 and again.item == "2"


def test_one_that_never_fits_is_its_items_error_and_nobody_else_is_asked_again() -> None:
    rounds: list[list[Answer | Exception]] = [[Answer('{"n": 1}'), Answer("no")], [Answer("no")], [Answer("never")]]
    step, backend = scripted(*rounds, [Answer('{"n": 3}')])
    schema = {"type": "object", "required": ["n"]}
    with pytest.raises(
        ItemError, match="answered 3 times, and never as asked: there is no JSON in it that is an object; at last"
    ):
        step.ask(questions(1, 2, schema=schema))
    assert [answer.value for answer in step.ask(questions(1, schema=schema))] == [{"n": 1}]
    assert len(backend.asked) == 3, "what was answered before the failure was not asked again"
    assert [answer.value for answer in step.ask(questions(3, schema=schema))] == [{"n": 3}]


def test_without_a_failure_everything_is_asked_anew() -> None:
    step, _ = scripted([Answer("a")], [Answer("b")])
    assert [step.ask(questions(1))[0].text for _ in range(2)] == ["a", "b"]


def test_pictures_are_shown_no_larger_than_said() -> None:
    step, backend = scripted([Answer("a")], max_side=100)
    china = record("china").image
    small = china.resize((50, 40))
    step.ask([Request("what?", images=(china, small), files=(b"china", b"small"))])
    (asked,) = backend.asked[0]
    assert [image.size for image in asked.images] == [(100, 67), (50, 40)]
    assert asked.files == (None, b"small")
