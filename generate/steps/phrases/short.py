"""`phrases=short`: where captions speak of what the record's relations know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from labelyard.generate.phrases import relations_of
from labelyard.generate.record import Record
from labelyard.generate.step import Step
from labelyard.generate.steps.phrases.found import check_texts
from labelyard.generate.steps.phrases.in_short import in_caption, plain


@dataclass(kw_only=True)
class ShortPhrases(Step):
    """The phrases of found.relationships, as whole words in any case. Letters of captions get their usual form (NFKC),
    without blanks around."""

    texts: list[str] = field(default_factory=lambda: ["blip2", "llava"])  # names of the record's texts

    def __post_init__(self) -> None:
        check_texts(self.texts)

    @property
    def reads(self) -> tuple[str, ...]:
        return ("instances", "found.relationships", *self.writes)

    @property
    def writes(self) -> tuple[str, ...]:
        return tuple(f"texts.{name}" for name in self.texts)

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            relations = relations_of(record)
            for name in self.texts:
                if name in record.texts:
                    text = plain(record.texts[name].text)
                    phrases = tuple(in_caption(text, relations))
                    record.texts[name] = replace(record.texts[name], text=text, phrases=phrases)

    def model(self) -> dict[str, Any]:
        return {"name": "phrases of relations", "checkpoint": None}
