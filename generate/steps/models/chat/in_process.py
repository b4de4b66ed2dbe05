"""`backend=transformers`: the model in the worker's own process."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import TYPE_CHECKING, Any, cast

from labelyard.generate.compute.threads import Ahead
from labelyard.generate.errors import FatalError, ItemError
from labelyard.generate.steps.models.chat.engine import gpus_here
from labelyard.generate.steps.models.chat.messages import Answer, Request
from labelyard.generate.steps.models.chat.processor import load_chat_processor
from labelyard.generate.steps.models.chat.sampling import Dice, Sampling, warpers
from labelyard.generate.steps.tools.pixels import aligned
from labelyard.generate.steps.tools.weights import load_pretrained, load_processor, missing_package, torch_dtype
from labelyard.utils.text import one_line

if TYPE_CHECKING:
    from torch import Tensor

Map = Callable[..., list[Any]]  # a step's own `map`
TOGETHER = 64  # requests whose pictures are in memory as numbers, and as many more that are got ready meanwhile
TYPES = "token_type_ids"
BLIP2 = "Question: {prompt} Answer:"  # it was trained on that, and has no chat template


@dataclass(frozen=True)
class Place:
    """Where the weights are, and in what numbers they compute."""

    checkpoint: str
    revision: str | None
    dtype: str
    device: str


@dataclass(frozen=True)
class _Ready:
    """A request as the network takes it: a batch of one."""

    inputs: Mapping[str, Any]
    seed: int

    @property
    def length(self) -> int:
        """Tokens of the prompt."""
        return int(self.inputs["input_ids"].shape[1])

    @property
    def shape(self) -> Hashable:
        """Those of one shape fit into one batch with nothing padded."""
        return tuple((name, tuple(value.shape)) for name, value in sorted(self.inputs.items()))


class InProcess:
    """Loaded and ready to answer. On a GPU requests of one length go together, and each gets what it gets alone."""

    def __init__(
        self, place: Place, sampling: Sampling, max_model_len: int | None = None, template: str | None = None
    ) -> None:
        from transformers import AutoConfig

        self._place, self._sampling, self._longest, self._template = place, sampling, max_model_len, template
        config: Any = load_processor(AutoConfig, place.checkpoint, place.revision)
        model_class, sees = _model_class(config)
        self._processor = self._loaded_processor(sees)
        self._tokenizer = getattr(self._processor, "tokenizer", self._processor)
        self.model = cast(
            Any,
            load_pretrained(
                model_class,
                place.checkpoint,
                device=place.device,
                dtype=place.dtype,
                revision=place.revision,
                spread=gpus_here() > 1,
            ),
        )
        self._sees = sees
        # By these Gemma knows a picture's tokens, which see each other both ways. Tokenizers of other models give them
        # unasked: most networks refuse them, and GPT-2 would take them for words.
        self._unheard = set() if sees and _hears(self.model, TYPES) else {TYPES}
        self._answers_apart = bool(
            config.is_encoder_decoder or getattr(config, "use_decoder_only_language_model", 1) == 0
        )
        if self._template is None and config.model_type == "blip-2":
            self._template = BLIP2
        self._ends = _end_tokens(self.model, self._tokenizer)
        self._pad = self._tokenizer.pad_token_id
        if self._pad is None:
            self._pad = next(iter(self._ends), 0)
        if self._template is None:
            self.written(Request("?"))  # a template that can't be used is found before any item is touched

    def answers(self, requests: Sequence[Request], mapped: Map) -> list[Answer | Exception]:
        """In order; in place of an answer what is wrong with its request."""
        answers: list[Answer | Exception] = []
        ahead = Ahead(self._ready, requests, range(len(requests)))
        try:
            for start in range(0, len(requests), TOGETHER):
                stop = min(start + TOGETHER, len(requests))
                ready = ahead.get(start, stop)
                good = [one for one in ready if isinstance(one, _Ready)]
                found = iter(mapped(self._answer, good, key=lambda one: one.shape, full=False) if good else [])
                answers += [next(found) if isinstance(one, _Ready) else one for one in ready]
                ahead.drop(stop)
        finally:
            ahead.close()
        return answers

    def written(self, request: Request) -> str:
        """The prompt in full, as the model reads it."""
        if self._template is not None:
            return self._template.replace("{system}", request.system).replace("{prompt}", request.text)
        content: Any = request.text
        if self._sees:
            content = [*({"type": "image"} for _ in request.images), {"type": "text", "text": request.text}]
        try:
            return self._by_template(content, request.system)
        except Exception as error:  # no template, or one that wants something else: jinja raises what it likes
            if package := missing_package(error):
                raise FatalError(f"{self._place.checkpoint}: its chat template needs {package}") from error
            raise FatalError(
                f"{self._place.checkpoint}: its chat template can't be used ({one_line(str(error), 160)}); "
                "give the folder or hub id of a chat model, with chat_template.jinja or chat_template.json, or what "
                "it reads by template='USER: {prompt} ASSISTANT:'"
            ) from error

    def _by_template(self, content: Any, system: str) -> str:
        asked = [{"role": "user", "content": content}]
        if not system:
            return str(self._applied(asked))
        said: Any = [{"type": "text", "text": system}] if self._sees else system
        try:
            return str(self._applied([{"role": "system", "content": said}, *asked]))
        except Exception as error:
            if "system" not in str(error).lower():
                raise
        # Some models know of no system; their makers say to put it before the question.
        whole = [*said, *content] if self._sees else f"{system}\n\n{content}"
        return str(self._applied([{"role": "user", "content": whole}]))

    def _applied(self, messages: list[dict[str, Any]]) -> Any:
        return self._processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)

    def _loaded_processor(self, sees: bool) -> Any:
        from transformers import AutoTokenizer

        place = self._place
        if sees:
            return load_chat_processor(place.checkpoint, place.revision)
        return load_processor(cast(Any, AutoTokenizer), place.checkpoint, place.revision)

    def _ready(self, request: Request) -> _Ready | ItemError:
        if request.images and not self._sees:
            raise FatalError(
                f"{self._place.checkpoint}: a model of text, which can't be shown pictures; give one that sees"
            )
        text = self.written(request)
        # A chat template has written the mark of the beginning already.
        marks = {"add_special_tokens": self._template is not None or not _begins(text, self._tokenizer)}
        if self._sees:
            images = {"images": list(request.images)} if request.images else {}
            given = self._processor(text=[text], **images, return_tensors="pt", **marks)
        else:
            given = self._processor([text], return_tensors="pt", **marks)
        inputs = {n: v for n, v in aligned(given).items() if hasattr(v, "shape") and n not in self._unheard}
        ready = _Ready(inputs, request.seed)
        if self._longest is not None and ready.length >= self._longest:
            return ItemError(
                f"too long: a prompt of {ready.length} tokens leaves no room in max_model_len={self._longest}",
                request.item,
            )
        return ready

    def _answer(self, rows: Sequence[_Ready]) -> list[Answer]:
        import torch

        length = rows[0].length
        dtype = torch_dtype(self._place.dtype)
        given = {name: torch.cat([row.inputs[name] for row in rows]) for name in rows[0].inputs}
        given = {n: v.to(self._place.device, dtype if v.is_floating_point() else v.dtype) for n, v in given.items()}
        with torch.inference_mode():
            said = self.model.generate(**given, **self._generation(length, [row.seed for row in rows]))
        if not self._answers_apart:
            said = said[:, length:] if _repeats(said, given["input_ids"]) else said
        return [self._read(tokens, length) for tokens in said]

    def _generation(self, length: int, seeds: Sequence[int]) -> dict[str, Any]:
        """Stated in full: a checkpoint's own defaults must not decide."""
        from transformers import LogitsProcessorList

        how = self._sampling
        room = how.max_tokens if self._longest is None else min(how.max_tokens, self._longest - length)
        told: dict[str, Any] = {
            "max_new_tokens": room,
            "do_sample": False,
            "num_beams": how.num_beams,
            "repetition_penalty": how.repetition_penalty,
            "pad_token_id": self._pad,
            "temperature": None,
            "top_p": None,
            "top_k": None,
        }
        if how.num_beams > 1:
            told["length_penalty"] = how.length_penalty
        if how.min_tokens:
            told["min_new_tokens"] = how.min_tokens
        if how.stop:
            told |= {"stop_strings": list(how.stop), "tokenizer": self._tokenizer}
        if how.draws:
            told["logits_processor"] = LogitsProcessorList([*warpers(how), Dice(seeds)])
        return told

    def _read(self, tokens: Tensor, length: int) -> Answer:
        """Up to its end; what stands behind that fills the row up."""
        numbers = tokens.tolist()
        if self._answers_apart:
            numbers = numbers[1:]  # a decoder's own beginning
        end = next((place for place, number in enumerate(numbers) if number in self._ends), None)
        said = numbers if end is None else numbers[: end + 1]
        text: str = self._tokenizer.decode(said, skip_special_tokens=True)
        places = [place for place in (text.find(stop) for stop in self._sampling.stop) if place >= 0]
        if places:
            text = text[: min(places)]
        ended = end is not None or bool(places)
        return Answer(text.strip(), "stop" if ended else "length", length, len(said))


def _model_class(config: Any) -> tuple[Any, bool]:
    """By its kind, and whether it sees."""
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, AutoModelForSeq2SeqLM
    from transformers.models.auto import modeling_auto as known

    kind = config.model_type
    if kind in known.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES and kind not in known.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        return AutoModelForImageTextToText, True
    if hasattr(config, "vision_config") and kind in known.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES:
        return AutoModelForImageTextToText, True
    if kind in known.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES:
        return AutoModelForSeq2SeqLM, False
    return AutoModelForCausalLM, False


def _hears(model: Any, name: str) -> bool:
    return name in signature(model.forward).parameters


def _end_tokens(model: Any, tokenizer: Any) -> set[int]:
    told = model.generation_config.eos_token_id
    ends = set(told) if isinstance(told, list) else {told}
    return {end for end in (*ends, tokenizer.eos_token_id) if end is not None}


def _begins(text: str, tokenizer: Any) -> bool:
    mark: str | None = getattr(tokenizer, "bos_token", None)
    return mark is not None and text.startswith(mark)


def _repeats(said: Tensor, asked: Tensor) -> bool:
    """Decoder-only models repeat what they were given, but for those that are given numbers instead of words."""
    length = asked.shape[1]
    return said.shape[1] >= length and bool((said[:, :length] == asked).all())
