"""`landmark=vlm`: at what kind of place a picture was taken, by a chat model that sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from labelyard.generate.record import Item, Record
from labelyard.generate.settings import setting
from labelyard.generate.steps.landmark.places import PLACES, named_in
from labelyard.generate.steps.models.chat.messages import Answer
from labelyard.generate.steps.models.chat.prompts import Template
from labelyard.generate.steps.models.chat.step import ChatStep


@dataclass(kw_only=True)
class Landmark(ChatStep):
    """Two questions: which of four kinds, and then which of its own kinds. An answer that names none is none."""

    reads: ClassVar[tuple[str, ...]] = ("image",)
    writes: ClassVar[tuple[str, ...]] = ("found.landmark",)

    checkpoint: str = "llava-hf/llava-1.5-13b-hf"
    max_tokens: int = setting(64, least=1, most=1_000_000)  # of an answer; it is cut off there
    # the first question, with {options}
    prompt: str = "What kind of place does this picture show? Write one of these and nothing else: {options}."
    # the second one, with {category} and {options}
    fine_prompt: str = (
        "It is of this kind: {category}. Which of these describes it best? Write that and nothing else: {options}."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("prompt", "fine_prompt"):
            if "options" not in Template(getattr(self, name)).places():
                raise ValueError(f"{name}={getattr(self, name)!r}: needs {{options}}, where the kinds go")

    def questions(self, item: Item) -> Sequence[tuple[str, int]]:
        """The second one as if the first always named a kind."""
        return [(self.prompt, 1), (self.fine_prompt, 1)]

    def __call__(self, records: Sequence[Record]) -> None:
        kinds = dict(zip(map(id, records), self._named(records, [""] * len(records)), strict=True))
        known = [record for record in records if kinds[id(record)]]
        fine = dict(zip(map(id, known), self._named(known, [kinds[id(one)] for one in known]), strict=True))
        for record in records:
            kind = kinds[id(record)]
            record.found["landmark"] = {"category": kind, "fine_category": fine.get(id(record), "")}

    def _named(self, records: Sequence[Record], kinds: Sequence[str]) -> list[str]:
        """Of each kind one of its own; of none one of the kinds."""
        prompts = {"": Template(self.prompt), **dict.fromkeys(PLACES, Template(self.fine_prompt))}
        options = {"": tuple(PLACES), **PLACES}
        asked = [
            self.request(
                record,
                prompts[kind].filled(record, {"category": kind.lower(), "options": "; ".join(options[kind])}),
                [record.image],
                number=1 if kind else 0,
            )
            for record, kind in zip(records, kinds, strict=True)
        ]
        answers: list[Answer] = self.ask(asked) if asked else []
        return [named_in(answer.text, options[kind]) for answer, kind in zip(answers, kinds, strict=True)]

    def model(self) -> dict[str, Any]:
        return super().model() | {"name": "Landmark", "prompt": self.prompt, "fine_prompt": self.fine_prompt}
