"""`tag=caption`: the things that the item's own caption names, as tags that a detector is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from labelyard.generate.record import Record, Tag
from labelyard.generate.settings import setting
from labelyard.generate.steps.phrases.found import merged
from labelyard.generate.steps.phrases.parser import sentence_case
from labelyard.generate.steps.phrases.rules import NO_THING, things
from labelyard.generate.steps.phrases.spacy_parser import Parsing
from labelyard.generate.steps.phrases.spans import Span, base_phrases

CAPTION = "caption"


@dataclass(kw_only=True)
class CaptionThings(Parsing):
    """Each phrase once, without its article, with its `noun`, and `spans` that say where it is: [caption, start, end].
    phrases=tags makes phrases of them that speak of what was found."""

    reads: ClassVar[tuple[str, ...]] = (CAPTION,)
    writes: ClassVar[tuple[str, ...]] = ("tags",)

    # a package of spaCy's, such as en_core_web_sm, or a folder; null: by rules of thumb for English, without a parser
    parser: str | None = None
    most: int | None = setting(None, least=1)  # tags of a caption, those that stand first; null: all

    def __call__(self, records: Sequence[Record]) -> None:
        for record, spans in zip(records, self._spans([record.caption for record in records]), strict=True):
            found = [Tag(" ".join(span.of(record.caption).split()), 1.0, extra=_place(span)) for span in spans]
            record.tags = merged(found)[: self.most]

    def _spans(self, texts: list[str]) -> list[list[Span]]:
        if self._parser is None:
            return [things(text) for text in texts]
        parses = self._parser([sentence_case(text) for text in texts])
        return [
            [span for span in base_phrases(text, parse) if span.noun.lower() not in NO_THING]
            for text, parse in zip(texts, parses, strict=True)
        ]

    def model(self) -> dict[str, Any]:
        return super().model() | {"name": "things of the caption"}


def _place(span: Span) -> dict[str, Any]:
    return {"noun": span.noun, "spans": [[CAPTION, span.start, span.end]]}
