"""`phrases=tags`: where texts speak of what was found: tags know where they were read, and instances go by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from labelyard.generate.record import Phrase, Record, Text
from labelyard.generate.roles import floats
from labelyard.generate.step import Step
from labelyard.generate.steps.phrases.found import check_texts

CAPTION = "caption"


@dataclass(kw_only=True)
class TagPhrases(Step):
    """A phrase for each place of each tag that an instance is called by. The item's own caption becomes a text."""

    texts: list[str] = field(default_factory=lambda: [CAPTION])  # names of texts; caption: the item's own

    def __post_init__(self) -> None:
        check_texts(self.texts)

    @property
    def reads(self) -> tuple[str, ...]:
        return ("tags", "instances", *(CAPTION if name == CAPTION else f"texts.{name}" for name in self.texts))

    @property
    def writes(self) -> tuple[str, ...]:
        return tuple(f"texts.{name}" for name in self.texts)

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            for name in self.texts:
                text = Text(record.caption, "given") if name == CAPTION else record.texts.get(name)
                if text is not None and text.text:
                    record.texts[name] = replace(text, phrases=tuple(_phrases(record, name)))

    def model(self) -> dict[str, Any]:
        return {"name": "phrases of tags", "checkpoint": None}


def _phrases(record: Record, text: str) -> list[Phrase]:
    called: dict[str, list[int]] = {}
    for number, instance in enumerate(record.instances):
        if not floats(instance):
            called.setdefault(instance.label, []).append(number)
    return sorted(
        (
            Phrase(start, end, tuple(called[tag.name]))
            for tag in record.tags
            if tag.name in called
            for name, start, end in tag.extra.get("spans", ())
            if name == text
        ),
        key=lambda phrase: (phrase.start, phrase.end),
    )
