"""`phrases=florence2`: the phrases of texts and where they are in the image, in one answer and without a parser."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from labelyard.generate.model_step import ModelStep, batch_of
from labelyard.generate.record import Instance, Record, Tag
from labelyard.generate.settings import setting
from labelyard.generate.steps.models.florence2.regions import Florence2Regions, Question, Region
from labelyard.generate.steps.phrases.found import check_texts, merged
from labelyard.generate.steps.tools.whole_words import find

TASK = "<CAPTION_TO_PHRASE_GROUNDING>"
PREPOSITIONS = re.compile(r"\s+(?:of|in|on|at|with|near|by|to|from|for|and|that|which)\s", re.IGNORECASE)


@dataclass(kw_only=True)
class Florence2Phrases(ModelStep):
    """Tags and instances of one name: the phrases, with `noun` and `spans`, and the best box of each. Keep it aside,
    and take both from it: merge=level2 with boxes and phrases of this step's name."""

    writes: ClassVar[tuple[str, ...]] = ("tags", "instances")

    # Of the checkpoints those that transformers reads itself: microsoft's own bring code, which is not run.
    checkpoint: str = "florence-community/Florence-2-large"
    texts: list[str] = field(default_factory=lambda: ["blip2", "llava"])  # names of the record's texts
    box_threshold: float = setting(0.25, least=0, most=1)  # least score of a box
    max_new_tokens: int = setting(512, least=1, most=10_000)  # of an answer
    # texts at once on a GPU; or auto
    batch_size: int | str = batch_of(1)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_texts(self.texts)

    @property
    def reads(self) -> tuple[str, ...]:
        return ("image", *(f"texts.{name}" for name in self.texts))

    def load(self) -> None:
        self.loaded.florence = Florence2Regions(
            self.checkpoint, self.revision, self.dtype, self.device, self.max_new_tokens
        )

    def __call__(self, records: Sequence[Record]) -> None:
        said = [(r, name, r.texts[name].text) for r in records for name in self.texts if name in r.texts]
        said = [one for one in said if one[2].strip()]
        florence: Florence2Regions = self.loaded.florence
        questions = [Question(record.image, TASK, text) for record, _, text in said]
        found: dict[int, list[tuple[Tag, Region]]] = {id(record): [] for record in records}
        for (record, name, text), regions in zip(
            said, self.map(florence.answers, questions, florence.length), strict=True
        ):
            found[id(record)] += [_placed(name, text, one) for one in regions if self._is_good(one, text)]
        for record in records:
            record.tags = merged([tag for tag, _ in found[id(record)]])
            record.instances = _best(record.tags, found[id(record)])

    def _is_good(self, region: Region, text: str) -> bool:
        """Whether it is about words of the text, and a box."""
        left, top, right, bottom = region.box
        inside = find(region.words, text) is not None
        return inside and region.score > self.box_threshold and right > left and bottom > top

    def model(self) -> dict[str, Any]:
        return super().model() | {"name": "Florence-2", "task": TASK}


def _placed(name: str, text: str, region: Region) -> tuple[Tag, Region]:
    start, end = find(region.words, text) or (0, len(text))
    words = " ".join(text[start:end].split())
    return Tag(words, 1.0, extra={"noun": head_of(words), "spans": [[name, start, end]]}), region


def _best(tags: Sequence[Tag], found: Sequence[tuple[Tag, Region]]) -> list[Instance]:
    """Of each phrase the surest box, the first of equals."""
    best: dict[str, Region] = {}
    for tag, region in found:
        known = best.get(tag.name.lower())
        if known is None or region.score > known.score:
            best[tag.name.lower()] = region
    return [Instance(one.box, one.score, tag.name) for tag in tags for one in [best[tag.name.lower()]]]


def head_of(phrase: str) -> str:
    """Its noun, as far as that can be told without a parser: the last word before what hangs on it."""
    return PREPOSITIONS.split(phrase, maxsplit=1)[0].split()[-1]
