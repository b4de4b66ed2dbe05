"""`phrases=spacy`: the noun phrases of texts, as tags that a detector can be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from labelyard.generate.record import Record, Tag
from labelyard.generate.steps.phrases.found import check_texts, merged
from labelyard.generate.steps.phrases.parser import sentence_case
from labelyard.generate.steps.phrases.spacy_parser import Parsing
from labelyard.generate.steps.phrases.spans import noun_phrases


@dataclass(kw_only=True)
class SpacyPhrases(Parsing):
    """Each phrase once, with its `noun`, and `spans` that say where it is: [text, start, end]. Keep it aside, and a
    detector asks for them by asks=[phrases]."""

    writes: ClassVar[tuple[str, ...]] = ("tags",)

    parser: str = "en_core_web_sm"  # a package of spaCy's, or a folder
    texts: list[str] = field(default_factory=lambda: ["blip2", "llava"])  # names of the record's texts

    def __post_init__(self) -> None:
        check_texts(self.texts)

    @property
    def reads(self) -> tuple[str, ...]:
        return tuple(f"texts.{name}" for name in self.texts)

    def __call__(self, records: Sequence[Record]) -> None:
        said = [(r, name, r.texts[name].text) for r in records for name in self.texts if name in r.texts]
        assert self._parser is not None
        parses = self._parser([sentence_case(text) for _, _, text in said])
        found: dict[int, list[Tag]] = {id(record): [] for record in records}
        for (record, name, text), parse in zip(said, parses, strict=True):
            for span in noun_phrases(text, parse):
                place = {"noun": span.noun, "spans": [[name, span.start, span.end]]}
                found[id(record)].append(Tag(" ".join(span.of(text).split()), 1.0, extra=place))
        for record in records:
            record.tags = merged(found[id(record)])
