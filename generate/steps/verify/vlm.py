"""`verify=vlm`: whether an instance is what its label says, by a model that sees and is asked about its crop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from labelyard.generate.record import Instance, Item, Record
from labelyard.generate.roles import agree
from labelyard.generate.settings import setting
from labelyard.generate.steps.models.chat.messages import Request
from labelyard.generate.steps.models.chat.step import ChatStep
from labelyard.generate.steps.tools.crops import cut
from labelyard.generate.steps.verify.opinion import Opinion
from labelyard.utils.boxes import grown

YES, NO = "yes", "no"


@dataclass(kw_only=True)
class VlmOpinion(Opinion, ChatStep):
    """Yes is 1, no is 0."""

    asked_about: ClassVar[str] = "instance"

    checkpoint: str = "Qwen/Qwen3-VL-4B-Instruct"
    # what is asked, with a place for {label}
    prompt: str = 'Is the main thing in this picture rightly called "{label}"? Answer yes or no, and nothing else.'
    margin: float = setting(0.1, least=0, most=10)  # how much of its surroundings is shown, in parts of the box's sides
    max_tokens: int = setting(8, least=1, most=1_000_000)  # of an answer; it is cut off there

    def __post_init__(self) -> None:
        super().__post_init__()
        if "{label}" not in self.prompt:
            raise ValueError(f"prompt={self.prompt!r}: needs {{label}} where the label goes")

    def questions(self, item: Item) -> Sequence[tuple[str, int]]:
        return [(self.prompt, 1)]

    def __call__(self, records: Sequence[Record]) -> None:
        asked = [self._request(record, n, one) for record in records for n, one in enumerate(record.instances)]
        answers = iter(self.ask(asked))
        for record in records:
            opinions = [float(next(answers).value == YES) for _ in record.instances]
            agree(record.instances, self.called, opinions)

    def _request(self, record: Record, number: int, instance: Instance) -> Request:
        shown = cut(record.image, grown(instance.box, self.margin, record.image.size))
        # Replaced, not formatted: a label may hold braces of its own.
        text = self.prompt.replace("{label}", instance.label)
        return self.request(record, text, [shown], number=number, options=(YES, NO))

    def model(self) -> dict[str, Any]:
        return super().model() | {"prompt": self.prompt}
