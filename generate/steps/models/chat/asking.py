"""Where a model is, how it answers, and `ask`: what ChatStep has, but for how long an answer may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from labelyard.generate.errors import Ending, FatalError, ItemError
from labelyard.generate.model_step import ModelStep, batch_of
from labelyard.generate.record import Record
from labelyard.generate.seeds import seed_of
from labelyard.generate.settings import setting
from labelyard.generate.step import Checkpoint
from labelyard.generate.steps.models.chat.answered import Answered
from labelyard.generate.steps.models.chat.engine import Engine, EnginePlan, gpus_here, is_installed, program_of
from labelyard.generate.steps.models.chat.messages import Answer, Request
from labelyard.generate.steps.models.chat.providers import provider_of
from labelyard.generate.steps.models.chat.sampling import Sampling
from labelyard.generate.steps.models.chat.served import Served
from labelyard.generate.steps.models.chat.server_settings import ServerSettings
from labelyard.generate.steps.models.chat.structured import NotFitting, asked_again, check_schema, one_of, read
from labelyard.generate.steps.models.chat.used import Account

if TYPE_CHECKING:
    from PIL.Image import Image

BACKENDS = ("auto", "transformers", "vllm", "openai")


@dataclass(kw_only=True)
class Asking(ServerSettings, ModelStep):
    """`checkpoint` is a hub's id or a folder; with backend=openai the name by which the server knows the model, where
    `openai:`, `claude:` or `huggingface:` ahead of it stands for the server and its key."""

    dtype: str = "bfloat16"
    # who answers: transformers in this process; vllm, which the worker starts; openai: any server that speaks as
    # OpenAI's does. auto: openai where base_url or a provider is given, vllm where it is installed and workers have
    # GPUs, else transformers
    backend: str = setting("auto", words=BACKENDS)
    temperature: float = setting(0.0, least=0, most=100)  # 0: the likeliest word each time; else answers are drawn
    top_p: float = setting(1.0, above=0, most=1)  # draw from the likeliest words that have this share together
    top_k: int = setting(0, least=-1, most=1_000_000)  # draw from so many of the likeliest words; 0 or -1: from all
    min_p: float = setting(0.0, least=0, most=1)  # draw from words with at least this share of the likeliest one's
    repetition_penalty: float = setting(1.0, above=0, most=100)  # above 1 against saying things twice
    presence_penalty: float = setting(0.0, least=-2, most=2)  # servers only: against words that were used at all
    frequency_penalty: float = setting(0.0, least=-2, most=2)  # servers only: against words, the more they were used
    min_tokens: int = setting(0, least=0, most=1_000_000)  # an answer does not end before; not every server takes it
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
        self._account = Account(self.price_in, self.price_out)
        self.check_server(self.chosen, self.checkpoint)
        for name in ("presence_penalty", "frequency_penalty"):
            if self.chosen == "transformers" and (value := getattr(self, name)):
                raise ValueError(f"{name}={value}: servers do this, backend={self.chosen} does not; use {name}=0")
        if self.template is not None and "{prompt}" not in self.template:
            raise ValueError(f"template={self.template!r}: give a text with {{prompt}}, where the question goes")

    @property
    def chosen(self) -> str:
        """The backend that answers."""
        return self.backend if self.backend != "auto" else self._decided(gpus=0)

    def _decided(self, gpus: int) -> str:
        if self.base_url is not None or provider_of(self.checkpoint):
            return "openai"
        return "vllm" if gpus and self.sampling.num_beams == 1 and is_installed(self.engine) else "transformers"

    def settled(self, gpus: int) -> dict[str, Any]:
        return {"backend": self._decided(gpus)} if self.backend == "auto" else {}

    @property
    def sampling(self) -> Sampling:
        return Sampling(
            self.longest,
            self.temperature,
            self.top_p,
            self.top_k,
            self.min_p,
            self.repetition_penalty,
            min_tokens=self.min_tokens,
            presence_penalty=self.presence_penalty,
            frequency_penalty=self.frequency_penalty,
            stop=tuple(self.stop),
        )

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        return () if self.chosen == "openai" else super().checkpoints()

    def lacking(self) -> str | None:
        if self.chosen != "vllm" or is_installed(self.engine):
            return None
        return (
            f"backend=vllm: there is no `{program_of(self.engine)}` here. vLLM wants an environment of its own "
            "(requirements/vllm.txt); give engine='ENVIRONMENT/bin/vllm serve …', or use backend=transformers"
        )

    def load(self) -> None:
        if self.chosen == "transformers":
            self._load_here()
            return
        engine = Engine(self._engine_plan(), self.around) if self.chosen == "vllm" else None
        serving = self.serving(self.checkpoint, self.template, engine.addresses if engine else None)
        self.loaded.backend = Served(serving, self.sampling, self._account, self.around, engine)

    def _load_here(self) -> None:
        from labelyard.generate.steps.models.chat.in_process import InProcess, Place

        place = Place(self.checkpoint, self.revision, self.dtype, self.device)
        self.loaded.backend = InProcess(place, self.sampling, self.max_model_len, self.template)

    def setup(self, device: str) -> None:
        backend = getattr(self.loaded, "backend", None)
        if isinstance(backend, Served):  # it has rested: it knows its server, and how much that can bear
            backend.wake()
            return
        super().setup(device)

    def rest(self) -> None:
        backend = getattr(self.loaded, "backend", None)
        if not (isinstance(backend, Served) and backend.rest()):
            self.free()

    def free(self) -> None:
        close = getattr(getattr(self.loaded, "backend", None), "close", None)
        if close is not None:
            close()
        super().free()

    def used(self) -> dict[str, float]:
        return self._account.told()

    def _engine_plan(self) -> EnginePlan:
        log = None if self.around.logs is None else self.around.logs / f"engine-{self.around.worker}-{self.name}.log"
        options = [f"--dtype={self.dtype}", f"--max-num-seqs={self.max_num_seqs}"]
        options += [f"--tensor-parallel-size={gpus}"] if (gpus := gpus_here()) > 1 else []
        options += [f"--max-model-len={self.max_model_len}"] if self.max_model_len else []
        options += [f"--revision={self.revision}"] if self.revision else []
        shares = self.around.takes_turns and self._on_gpu()
        between = self.between_turns if shares else "stay"
        options += ["--enable-sleep-mode"] if between == "sleep" else []
        return EnginePlan(self.engine, str(self.checkpoint), tuple(options), log, self.start_timeout, between)

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
        try:
            return self._answered.ask(asked, self._asked_within_budget)
        finally:
            self.around.tell()

    def facts(self, answer: Answer) -> dict[str, Any]:
        """What a text says of how it came to be."""
        tokens = {"prompt_tokens": answer.prompt_tokens, "tokens": answer.answer_tokens}
        return {"finish": answer.finish, **tokens}

    def model(self) -> dict[str, Any]:
        how = self.sampling
        drawn = {"temperature": how.temperature, "seed": self.seed} if how.draws else {}
        drawn |= {"top_p": how.top_p} if how.draws and how.top_p < 1 else {}
        drawn |= {"top_k": how.top_k} if how.draws and how.top_k > 0 else {}
        drawn |= {"min_p": how.min_p} if how.draws and how.min_p > 0 else {}
        drawn |= {"repetition_penalty": how.repetition_penalty} if how.repetition_penalty != 1 else {}
        made = super().model()
        if self.chosen == "openai":  # in what numbers it computes, the server knows
            made.pop("dtype")
            called = getattr(getattr(self.loaded, "backend", None), "called", "")
            made |= {"served_as": called} if called and called != self.checkpoint else {}
        return made | {"backend": self.chosen} | drawn

    def _answers(self, requests: Sequence[Request]) -> list[Answer | Exception]:
        answers: list[Answer | Exception] = self.loaded.backend.answers(requests, self.map)
        if self.chosen == "transformers":
            for answer in answers:
                if isinstance(answer, Answer):
                    self._account.tried()
                    self._account.answered(answer)
        if self.on_length == "fail":
            return [self._whole(answer, request) for answer, request in zip(answers, requests, strict=True)]
        return answers

    def _whole(self, answer: Answer | Exception, request: Request) -> Answer | Exception:
        if isinstance(answer, Exception) or answer.finish != "length":
            return answer
        return ItemError(f"cut off at {self.longest} tokens (on_length=fail): {answer.text}", request.item)

    def _asked_within_budget(self, requests: Sequence[Request]) -> list[Answer | Exception]:
        self._check_budget(len(requests))
        return self._asked_by_form(requests)

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
            end = next((answer for answer in found if isinstance(answer, Ending)), None)
            if end is not None:  # nobody answers any more
                for place in again:
                    found[place] = end
                break
            if not again:
                break
            found_again = self._answers(list(again.values()))
            for place, better in zip(again, found_again, strict=True):
                before = found[place]
                found[place] = _together(before, better) if isinstance(before, Answer) else better
            waiting = again
        return found

    def _check_budget(self, number: int) -> None:
        """Ahead of the questions, so that what was paid for is kept: not begun if, by what they cost so far, they would
        cost too much."""
        if self.max_cost is None and self.max_tokens_total is None:
            return
        used = Counter(self.used())
        used.update(self.around.used_by_others(self.name))
        more = 1 + number / used["requests"] if used["requests"] else 1.0
        tokens = used["prompt_tokens"] + used["answer_tokens"]
        for name, most, so_far in (
            ("max_cost", self.max_cost, used["cost"]),
            ("max_tokens_total", self.max_tokens_total, tokens),
        ):
            if most is not None and so_far and (so_far >= most or so_far * more > most):
                raise FatalError(
                    f"{name}={most:g}: {so_far:,.6g} is used up, and the next {number} questions would go beyond it. "
                    f"Nothing was marked; the same command with a higher {name} goes on"
                )

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
