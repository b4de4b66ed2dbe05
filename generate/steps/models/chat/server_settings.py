"""What is said of servers: where one is, how it is spoken to, what it may cost."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from labelyard.generate.errors import FatalError
from labelyard.generate.record import Item
from labelyard.generate.settings import transient
from labelyard.generate.step import Expected
from labelyard.generate.steps.models.chat.addresses import Addresses
from labelyard.generate.steps.models.chat.engine import BETWEEN_TURNS, ENGINE, check_command
from labelyard.generate.steps.models.chat.providers import PROVIDERS, check_variable, provider_of
from labelyard.generate.steps.models.chat.served import Serving
from labelyard.generate.steps.models.chat.used import cost, guessed_tokens


@dataclass(kw_only=True)
class ServerSettings:
    """Of a step that asks: its fields stand beside those of the model."""

    guided: bool = False  # servers that can are told to let the model say nothing but JSON that fits the schema
    extra: dict[str, Any] = field(default_factory=dict)  # for a server, beside all this: sent as it stands
    # of the server: http://HOST:PORT/v1, several with commas, or a file in which whoever starts it writes its address
    base_url: str | None = transient(None)
    key_variable: str | None = transient(None)  # the environment variable that holds the server's key
    max_num_seqs: int = transient(16, least=1, most=4096)  # requests under way at once; 4 times as many in work.batch
    # times that a request is tried, pausing 1, 2, 4 … 60 s, where others are answered
    tries: int = transient(6, least=1, most=1000)
    # seconds for which nothing is answered at all, until the worker gives up; no item is blamed for it
    patience: float = transient(600.0, least=0, most=1_000_000)
    pause: float = transient(1.0, above=0, most=60)  # seconds before the second try
    request_timeout: float = transient(600.0, above=0, most=1_000_000)  # seconds for one answer
    # of all workers of the run together
    requests_per_minute: float | None = transient(None, above=0, most=1e9)
    tokens_per_minute: float | None = transient(None, above=0, most=1e12)  # likewise
    price_in: float | None = transient(None, least=0, most=1e9)  # of a million tokens of prompts
    price_out: float | None = transient(None, least=0, most=1e9)  # of a million tokens of answers
    max_cost: float | None = transient(None, above=0)  # by those prices: the run stops there, and goes on with more
    max_tokens_total: int | None = transient(None, least=1)  # of prompts and answers: the run stops there, likewise

    # with backend=vllm: what the worker starts, with places {checkpoint}, {port} and {options}, which are those that
    # these settings come to, as vLLM has them
    engine: str = ENGINE
    start_timeout: float = transient(1800.0, above=0, most=1_000_000)  # seconds until it has to be ready
    # with work.schedule=staged, while other steps have the GPU: it sleeps, and gives the GPU's memory back (one that
    # can't is ended, and started again), it stays as it is, or it is ended
    between_turns: str = transient("sleep", words=BETWEEN_TURNS)

    asked_about: ClassVar[str] = "item"  # or instance: what a question is about

    @property
    def longest(self) -> int:
        """The most tokens of an answer."""
        raise NotImplementedError

    def questions(self, item: Item) -> Sequence[tuple[str, int]] | None:
        """What will be asked about one of `asked_about`: each text, and how many pictures go with it, before anything
        is known but the row; None: nobody knows."""
        return None

    def expected_cost(self, item: Item) -> Expected | None:
        """Each question asked once, each answer as long as may be."""
        if self.price_in is None and self.price_out is None:
            return None
        questions = self.questions(item)
        if questions is None:
            return Expected(None)
        prices = self.price_in or 0.0, self.price_out or 0.0
        each = (cost(guessed_tokens(text, pictures), self.longest, *prices) for text, pictures in questions)
        return Expected(sum(each), self.asked_about)

    def serving(self, checkpoint: str, template: str | None, address: Addresses | None = None) -> Serving:
        """`address`: of a server of our own."""
        provider = None if address else provider_of(checkpoint)
        variable = None if address else self.key_variable
        told = self.base_url
        if provider:
            known = PROVIDERS[provider]
            told, variable = told or known.address, variable or known.variable
            checkpoint = checkpoint.partition(":")[2]
        if variable and not os.environ.get(variable):
            raise FatalError(f"{variable} is not set in the worker's environment: export {variable}=… where it starts")
        return Serving(
            model=checkpoint,
            addresses=address or Addresses(told or ""),
            key_variable=variable,
            template=template,
            extra=dict(self.extra),
            guided=self.guided,
            at_once=2 * self.max_num_seqs if address else self.max_num_seqs,  # the engine never waits for the next
            tries=self.tries,
            patience=self.patience,
            pause=self.pause,
            timeout=self.request_timeout,
            requests_per_minute=self.requests_per_minute,
            tokens_per_minute=self.tokens_per_minute,
        )

    def check_server(self, backend: str, checkpoint: str) -> None:
        if backend == "openai" and self.base_url is None and not provider_of(checkpoint):
            raise ValueError(
                "backend=openai: where is the server? give base_url=http://HOST:PORT/v1, or a provider's model as "
                "checkpoint=openai:NAME"
            )
        if backend != "openai" and self.base_url is not None:
            raise ValueError(f"base_url={self.base_url}: backend={backend} asks no server; use backend=openai")
        if self.base_url is not None and "://" in self.base_url:
            Addresses(self.base_url)
        if self.key_variable is not None:
            check_variable(self.key_variable)
        if self.max_cost is not None and self.price_in is None and self.price_out is None:
            raise ValueError(
                f"max_cost={self.max_cost:g}: by which prices? give price_in and price_out, of a million tokens"
            )
        if self.extra and backend == "transformers":
            raise ValueError(f"extra={dict(self.extra)}: there is no server to send it to; leave extra out")
        check_command(self.engine)
