"""`draw=api`: a picture of each text by a server: OpenAI's images, whatever speaks as they do, Hugging Face's or Black
Forest Labs'."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from labelyard.generate.errors import Ending, FatalError, leaving
from labelyard.generate.record import Item
from labelyard.generate.settings import transient
from labelyard.generate.step import Expected
from labelyard.generate.steps.draw.drawing import Drawing, Drawn, Wish
from labelyard.generate.steps.models.chat.addresses import Addresses
from labelyard.generate.steps.models.chat.messages import Answer, Request
from labelyard.generate.steps.models.chat.providers import Provider, check_variable
from labelyard.generate.steps.models.chat.served import Serving
from labelyard.generate.steps.models.chat.used import Account
from labelyard.generate.steps.models.pictures.bfl import Tasks
from labelyard.generate.steps.models.pictures.served import BFL, HUGGINGFACE, OPENAI, Painter, Wanted
from labelyard.utils.images import UnreadableImage, decode_as_it_is

SERVICES = {
    OPENAI: Provider("https://api.openai.com/v1", "OPENAI_API_KEY"),
    HUGGINGFACE: Provider("https://router.huggingface.co/hf-inference", "HF_TOKEN"),
    BFL: Provider("https://api.bfl.ai/v1", "BFL_API_KEY"),
}


@dataclass(kw_only=True)
class ApiDrawing(Drawing):
    """`checkpoint` is the name by which the server knows the model, where `openai:`, `huggingface:` or `bfl:` ahead of
    it stands for the server, its words and its key. Seeds are sent where these have a place for them; no service
    promises to keep to them."""

    checkpoint: str = "openai:gpt-image-1"  # as the server knows the model, behind the name of the service
    extra: dict[str, Any] = field(default_factory=dict)  # sent beside all this, as it stands; null takes something out
    # of a server that speaks as OpenAI's: http://HOST:PORT/v1, several with commas, or a file with its address
    base_url: Optional[str] = transient(None)  # noqa: UP045
    # the environment variable that holds the server's key
    key_variable: Optional[str] = transient(None)  # noqa: UP045
    max_num_seqs: int = transient(4, least=1, most=4096)  # requests under way at once
    tries: int = transient(6, least=1, most=1000)  # of a request, where others are answered
    # seconds for which nothing is answered at all, until the worker gives up; no item is blamed for it
    patience: float = transient(600.0, least=0, most=1_000_000)
    pause: float = transient(1.0, above=0, most=60)  # seconds before the second try
    request_timeout: float = transient(600.0, above=0, most=1_000_000)  # seconds for one picture
    # of all workers of the run together
    requests_per_minute: Optional[float] = transient(None, above=0, most=1e9)  # noqa: UP045
    # of one picture
    price: Optional[float] = transient(None, least=0, most=1e6)  # noqa: UP045
    # by that price: the run stops there, and goes on with more
    max_cost: Optional[float] = transient(None, above=0)  # noqa: UP045

    def __post_init__(self) -> None:
        super().__post_init__()
        self.account = Account()
        name, colon, _ = self.checkpoint.partition(":")
        if self.base_url is None and not (colon and name in SERVICES):
            known = ", ".join(f"{service}:NAME" for service in SERVICES)
            raise ValueError(f"checkpoint={self.checkpoint}: where is the server? give {known}, or base_url")
        if self.base_url is not None and "://" in self.base_url:
            Addresses(self.base_url)
        if self.key_variable is not None:
            check_variable(self.key_variable)
        if self.max_cost is not None and self.price is None:
            raise ValueError(f"max_cost={self.max_cost:g}: by which price? give price, of a picture")

    @property
    def _service(self) -> str:
        name, colon, _ = self.checkpoint.partition(":")
        return name if colon and name in SERVICES else OPENAI

    @property
    def _model(self) -> str:
        name, colon, model = self.checkpoint.partition(":")
        return model if colon and name in SERVICES else self.checkpoint

    def setup(self, device: str) -> None:
        self.device = device
        if hasattr(self, "_painter"):  # it has rested: it knows its server, and how much that can bear
            return
        known = SERVICES[self._service]
        variable = self.key_variable or (known.variable if self._model != self.checkpoint else None)
        if variable and not os.environ.get(variable):
            raise FatalError(f"{variable} is not set in the worker's environment: export {variable}=… where it starts")
        serving = Serving(
            model=self._model,
            addresses=Addresses(self.base_url or known.address),
            key_variable=variable,
            at_once=self.max_num_seqs,
            tries=self.tries,
            patience=self.patience,
            pause=self.pause,
            timeout=self.request_timeout,
            requests_per_minute=self.requests_per_minute,
        )
        wanted = Wanted(self.width, self.height, dict(self.extra))
        kind = Tasks if self._service == BFL else Painter
        self._painter = kind(serving, wanted, self._service, self.account, self.around)
        self._kept: dict[Wish, Drawn] = {}

    def rest(self) -> None:
        """It is in nobody's way."""

    def free(self) -> None:
        if hasattr(self, "_painter"):
            self._painter.close()
        super().free()

    def draw(self, wishes: Sequence[Wish]) -> list[Drawn]:
        todo = [wish for wish in wishes if wish not in self._kept]
        self._check_budget(len(todo))
        try:
            answers = self._painter.answers([Request(wish.prompt, seed=wish.seed, item=wish.item) for wish in todo])
        finally:
            self.around.tell()
        end = next((answer for answer in answers if isinstance(answer, Ending)), None)
        for wish, answer in zip(todo, answers, strict=True):
            if end is None or isinstance(answer, Answer):
                self._kept[wish] = drawn(answer)
        if end is not None:
            raise leaving(end, (wish.item for wish in todo if wish not in self._kept))
        return [self._kept[wish] for wish in wishes]

    def forget(self) -> None:
        self._kept.clear()

    def expected_cost(self, item: Item) -> Expected | None:
        return None if self.price is None else Expected(self.repeats * self.price)

    def used(self) -> dict[str, float]:
        told = self.account.told()
        return told | {"cost": round(told["requests"] * self.price, 9)} if told and self.price is not None else told

    def _check_budget(self, number: int) -> None:
        """Ahead of the requests, so that what was paid for is kept."""
        if self.max_cost is None or self.price is None:
            return
        so_far = Counter(self.used())
        so_far.update(self.around.used_by_others(self.name))
        if so_far["cost"] + number * self.price > self.max_cost:
            raise FatalError(
                f"max_cost={self.max_cost:g}: {so_far['cost']:,.6g} is used up, and the next {number} pictures would "
                "go beyond it. Nothing was marked; the same command with a higher max_cost goes on"
            )

    def told(self) -> dict[str, Any]:
        return {name: value for name, value in self.extra.items() if value is not None}

    def model(self) -> dict[str, Any]:
        return {"name": type(self).__name__, "checkpoint": self.checkpoint, "seed": self.seed, **self.told()}


def drawn(answer: Answer | Exception) -> Drawn:
    if isinstance(answer, Exception):
        return Drawn(None, str(answer))
    try:
        return Drawn(decode_as_it_is(answer.value).convert("RGB"))
    except UnreadableImage as error:
        return Drawn(None, f"the server's picture can't be read: {error}")
