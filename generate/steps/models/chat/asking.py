"""Where a model is, how it answers, and `ask`: what ChatStep has, but for how long an answer may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelyard.generate.errors import FatalError, ItemError
from labelyard.generate.model_step import ModelStep, batch_of
from labelyard.generate.record import Record
from labelyard.generate.seeds import seed_of
from labelyard.generate.settings import setting
from labelyard.generate.step import Checkpoint
from labelyard.generate.steps.models.chat.answered import Answered
from labelyard.generate.steps.models.chat.messages import Answer, Request
from labelyard.generate.steps.models.chat.sampling import Sampling
from labelyard.generate.steps.models.chat.structured import NotFitting, asked_again, check_schema, one_of, read

if TYPE_CHECKING:
    from PIL.Image import Image

BACKENDS = ("auto", "transformers", "vllm", "openai")


@dataclass(kw_only=True)
class Asking(ModelStep):
    """`checkpoint` is a hub's id or a folder; with backend=openai, the name by which the server knows the model."""

    dtype: str = "bfloat16"
    # auto: vllm where it is installed and a GPU is visible, else transformers
    backend: str = setting("auto", words=BACKENDS)
    temperature: float = setting(0.0, least=0, most=100)  # 0: the likeliest word each time; else answers are drawn
    top_p: float = setting(1.0, above=0, most=1)  # draw from the likeliest words that have this share together
    top_k: int = setting(0, least=-1, most=1_000_000)  # draw from so many of the likeliest words; 0 or -1: from all
    min_p: float = setting(0.0, least=0, most=1)  # draw from words with at least this share of the likeliest one's
    repetition_penalty: float = setting(1.0, above=0, most=100)  # above 1 against saying things twice
    stop: list[str] = field(default_factory=list)  # an answer ends before the first of these
    seed: int = setting(0, least=0, most=2**63 - 1)  # of the draws; another one gives other answers
    max_model_len: int | None = setting(None, least=2, most=100_000_000)  # tokens of prompt and answer together
    # what the model reads, as 'USER: {prompt} ASSISTANT:'; null: by the checkpoint's own chat template
    template: str | None = None
    max_side: int = setting(2048, least=16, most=65_500)  # larger pictures are shown smaller
    answer_tries: int = setting(3, least=1, most=100)  # where an answer has to have a form: so often it is asked for
    # what becomes of an item whose answer was cut off at the most tokens
    on_length: str = setting("keep", words=("keep", "fail"))
    batch_size: int | str = batch_of(8)  # requests of one length at once on a GPU, in process; or auto

    def __post_init__(self) -> None:
        super().__post_init__()
        self._answered = Answered()
        if self.template is not None and "{prompt}" not in self.template:
            raise ValueError(f"template={self.template!r}: give a text with {{prompt}}, where the question goes")

    @property
    def chosen(self) -> str:
        """The backend that answers."""
        if self.backend != "auto":
            return self.backend
        return "vllm" if find_spec("vllm") is not None and Path("/dev/nvidiactl").exists() else "transformers"

    @property
    def longest(self) -> int:
        """The most tokens of an answer."""
        raise NotImplementedError

    @property
    def sampling(self) -> Sampling:
        return Sampling(
            self.longest,
            self.temperature,
            self.top_p,
            self.top_k,
            self.min_p,
            self.repetition_penalty,
            stop=tuple(self.stop),
        )

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        return () if self.chosen == "openai" else super().checkpoints()

    def load(self) -> None:
        if self.chosen != "transformers":
            raise FatalError(f"backend={self.chosen}: not built yet; use backend=transformers")
        from labelyard.generate.steps.models.chat.in_process import InProcess, Place

        place = Place(self.checkpoint, self.revision, self.dtype, self.device)
        self.loaded.backend = InProcess(place, self.sampling, self.max_model_len, self.template)

    def request(
        self,
        record: Record,
        text: str,
        images: Sequence[Image] = (),
        *,
        system: str = "",
        number: int = 0,
        schema: Mapping[str, Any] | None = None,
        options: Sequence[str] = (),
        frames: bool = False,
    ) -> Request:
        """About one record; the `number`-th of the step about it, where it is asked several times: its draw's seed."""
        seed = seed_of(record.item.id, self.name, number, self.seed)
        whole = record.image if record.has_image and record.original_bytes else None
        files = tuple(record.original_bytes if image is whole else None for image in images)
        return Request(text, system, tuple(images), seed, record.item.id, schema, tuple(options), files, frames)

    def ask(self, requests: Sequence[Request]) -> list[Answer]:
        """The answers, in order."""
        asked = [self._small(request) for request in requests]
        return self._answered.ask(asked, self._asked_by_form)

    def facts(self, answer: Answer) -> dict[str, Any]:
        """What a text says of how it came to be."""
        return {"finish": answer.finish, "tokens": answer.answer_tokens}

    def model(self) -> dict[str, Any]:
        how = self.sampling
        drawn = {"temperature": how.temperature, "seed": self.seed} if how.draws else {}
        drawn |= {"top_p": how.top_p} if how.draws and how.top_p < 1 else {}
        drawn |= {"top_k": how.top_k} if how.draws and how.top_k > 0 else {}
        drawn |= {"min_p": how.min_p} if how.draws and how.min_p > 0 else {}
        drawn |= {"repetition_penalty": how.repetition_penalty} if how.repetition_penalty != 1 else {}
        return super().model() | {"backend": self.chosen} | drawn

    def _answers(self, requests: Sequence[Request]) -> list[Answer | Exception]:
        answers: list[Answer | Exception] = self.loaded.backend.answers(requests, self.map)
        if self.on_length == "fail":
            return [self._whole(answer, request) for answer, request in zip(answers, requests, strict=True)]
        return answers

    def _whole(self, answer: Answer | Exception, request: Request) -> Answer | Exception:
        if isinstance(answer, Exception) or answer.finish != "length":
            return answer
        return ItemError(f"cut off at {self.longest} tokens (on_length=fail): {answer.text}", request.item)

    def _asked_by_form(self, requests: Sequence[Request]) -> list[Answer | Exception]:
        """Those whose answer has to have a form are asked again while it has not."""
        found = self._answers(requests)
        waiting = {n: request for n, request in enumerate(requests) if request.has_form}
        for number in range(1, self.answer_tries + 1):
            again: dict[int, Request] = {}
            for place, request in waiting.items():
                answer = found[place]
                if isinstance(answer, Exception):
                    continue
                try:
                    found[place] = replace(answer, value=_read(answer.text, request))
                except NotFitting as trouble:
                    if number == self.answer_tries:
                        said = f"answered {number} times, and never as asked: {trouble}; at last with: {answer.text}"
                        found[place] = ItemError(said, request.item)
                        continue
                    text = asked_again(requests[place].text, answer.text, str(trouble), request.options)
                    again[place] = replace(
                        request, text=text, seed=seed_of(request.item, self.name, number, request.seed)
                    )
            if not again:
                break
            found_again = self._answers(list(again.values()))
            for place, better in zip(again, found_again, strict=True):
                before = found[place]
                found[place] = _together(before, better) if isinstance(before, Answer) else better
            waiting = again
        return found

    def _small(self, request: Request) -> Request:
        """With no picture larger than `max_side`; a file whose picture was made smaller is no longer its own."""
        if request.schema is not None:
            check_schema(request.schema)
        if all(max(image.size) <= self.max_side for image in request.images):
            return request
        images = tuple(_within(image, self.max_side) for image in request.images)
        files = request.files or (None,) * len(images)
        kept = [file if a is b else None for a, b, file in zip(images, request.images, files, strict=True)]
        return replace(request, images=images, files=tuple(kept))


def _read(text: str, request: Request) -> Any:
    return read(text, request.schema) if request.schema is not None else one_of(text, request.options)


def _within(image: Image, side: int) -> Image:
    if max(image.size) <= side:
        return image
    from PIL.Image import Resampling

    scale = side / max(image.size)
    width, height = (max(1, round(length * scale)) for length in image.size)
    return image.resize((width, height), Resampling.BICUBIC)


def _together(before: Answer, after: Answer | Exception) -> Answer | Exception:
    """Both were paid for."""
    if not isinstance(after, Answer):
        return after
    prompt, answer = before.prompt_tokens + after.prompt_tokens, before.answer_tokens + after.answer_tokens
    return replace(after, prompt_tokens=prompt, answer_tokens=answer)
