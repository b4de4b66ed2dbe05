"""What every step is that asks a language model: where the model is, how it answers, and `ask`.

    @dataclass(kw_only=True)
    class Mood(ChatStep):
        reads = ("image",)

        prompt: str = "What is the mood of this picture? The photographer says: {caption}"

        @property
        def writes(self) -> tuple[str, ...]:
            return (f"texts.{self.name}",)

        def __call__(self, records: Sequence[Record]) -> None:
            prompt = Template(self.prompt)
            asked = [self.request(record, prompt.filled(record), [record.image]) for record in records]
            for record, answer in zip(records, self.ask(asked), strict=True):
                record.texts[self.name] = Text(answer.text, "model", facts=self.facts(answer))

The settings of `ChatStep` are the step's; `checkpoint` gets a default of its own. `ask` raises what `Step.__call__` may
raise (ItemError for the item whose request it was), so it is called for all records at once, as above. An answer never
depends on what else is asked. A step may ask several times in a call; what was answered is not asked again when another
item of the same call fails.

A request with a `schema` is answered in JSON of that form, as `answer.value`; an answer that does not fit is asked for
again, `answer_tries` times in all, and then it is the item's error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from labelyard.generate.settings import setting
from labelyard.generate.steps.models.chat.asking import Asking

__all__ = ["ChatStep"]


@dataclass(kw_only=True)
class ChatStep(Asking):
    """`checkpoint` is a hub's id or a folder; with backend=openai, the name by which the server knows the model."""

    max_tokens: int = setting(1024, least=1, most=1_000_000)  # of an answer; it is cut off there

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_model_len is not None and self.max_tokens > self.max_model_len:
            raise ValueError(
                f"max_tokens={self.max_tokens} is more than max_model_len={self.max_model_len}, which the prompt needs "
                f"a part of; use max_tokens={self.max_model_len // 2}"
            )

    @property
    def longest(self) -> int:
        return self.max_tokens

    def model(self) -> dict[str, Any]:
        return super().model() | {"max_tokens": self.max_tokens}
