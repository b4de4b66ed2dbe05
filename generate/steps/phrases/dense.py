"""`phrases=dense`: where a text that was written about the scene speaks of the record's instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from labelyard.generate.phrases import relations_of
from labelyard.generate.record import Record
from labelyard.generate.roles import attributes_of, floats, labels_of
from labelyard.generate.steps.phrases.in_dense import Thing, in_text
from labelyard.generate.steps.phrases.parser import Parse
from labelyard.generate.steps.phrases.spacy_parser import Parsing


@dataclass(kw_only=True)
class DensePhrases(Parsing):
    """By attributes and relations that the text has word for word, by noun phrases that are nearly those, and by nouns
    that are an object's label. Without a parser, parser=null, by the first two alone."""

    text: str = "dense"  # the name of one of the record's texts

    @property
    def reads(self) -> tuple[str, ...]:
        return ("instances", "found.relationships", *self.writes)

    @property
    def writes(self) -> tuple[str, ...]:
        return (f"texts.{self.text}",)

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            if self.text in record.texts:
                text = record.texts[self.text]
                phrases = in_text(text.text, things_of(record), relations_of(record), self._parser or _none)
                record.texts[self.text] = replace(text, phrases=tuple(phrases))

    def model(self) -> dict[str, Any]:
        return super().model() | {"name": "phrases of attributes, relations and nouns"}


def things_of(record: Record) -> list[Thing]:
    """Objects, then floating ones."""
    things = [
        Thing(number, one.box, labels_of(one), attributes_of(one), floats(one))
        for number, one in enumerate(record.instances)
    ]
    return sorted(things, key=lambda thing: thing.floating)


def _none(texts: Sequence[str]) -> list[Parse]:
    """Whoever has no parser sees no words."""
    return [() for _ in texts]
