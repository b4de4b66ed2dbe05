"""What a detector is asked for: the record's tags, or what steps before it have kept aside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from labelyard.generate.model_step import ModelStep
from labelyard.generate.record import Record, Tag, Text
from labelyard.generate.roles import SYNONYMS, THRESHOLD
from labelyard.generate.settings import setting
from labelyard.generate.steps.ground.detections import Detection

OWN = "tags"
TEXTS = "texts."


class Asked(NamedTuple):
    name: str  # the label of what is found
    prompt: str  # what is asked for
    least: float | None = None  # score of what goes by this name; None: as the step's own threshold says


@dataclass(kw_only=True)
class Asking(ModelStep):
    """Names in the order of `asks`, then those of `add`, each where it stands first."""

    # steps kept aside, for their tags or phrases; texts.NAME: the phrases of that text; tags: the record's own
    asks: list[str] = field(default_factory=list)
    add: list[str] = field(default_factory=list)  # names that are asked for in every picture, too
    per_name: int | None = setting(None, least=1)  # of each name the best so many boxes; null: all

    def __post_init__(self) -> None:
        super().__post_init__()
        twice = next((one for place, one in enumerate(self.asks) if one in self.asks[:place]), None)
        if twice is not None:
            raise ValueError(f"asks={self.asks}: names {twice!r} twice; leave one out")
        if any(not name.strip() for name in (*self.asks, *self.add)):
            raise ValueError("asks or add holds an empty name; leave it out")

    @property
    def reads(self) -> tuple[str, ...]:
        asked = self.asks or [OWN]
        return ("image", *(one if one == OWN or one.startswith(TEXTS) else f"aside.{one}" for one in asked))

    def asked(self, record: Record) -> list[Asked]:
        """Without white space alone, and without repeats. For synonyms is asked beside the name, each by itself."""
        found: dict[str, list[Asked]] = {}
        for tag in self._tags(record):
            if tag.name.strip() and tag.name not in found:
                prompts = dict.fromkeys((tag.prompt or tag.name, *synonyms_of(tag)))
                found[tag.name] = [Asked(tag.name, prompt, threshold_of(tag)) for prompt in prompts]
        return [one for several in found.values() for one in several]

    @property
    def usual_least(self) -> float:
        """The score that a box must have that has no threshold of its own."""
        return float(getattr(self, "box_threshold", 0.0))

    def floor(self, asked: Sequence[Asked]) -> float:
        """The least score with which any of them is taken."""
        return min([self.usual_least, *(one.least for one in asked if one.least is not None)])

    def best(self, found: Sequence[Detection], asked: Sequence[Asked] = ()) -> list[Detection]:
        """As many of each name as are wanted, with the score that it wants, in the order in which they came."""
        own = {one.name: one.least for one in asked if one.least is not None}
        found = [one for one in found if not own or one.score > own.get(one.label, self.usual_least)]
        if self.per_name is None:
            return list(found)
        by_name: dict[str, list[int]] = {}
        for number in sorted(range(len(found)), key=lambda number: -found[number].score):
            by_name.setdefault(found[number].label, []).append(number)
        return [found[number] for number in sorted(n for several in by_name.values() for n in several[: self.per_name])]

    def _tags(self, record: Record) -> Iterator[Tag]:
        for one in self.asks or [OWN]:
            if one == OWN:
                yield from record.tags
            elif one.startswith(TEXTS):
                name = one.removeprefix(TEXTS)
                yield from phrases([record.texts[name]] if name in record.texts else [])
            elif one in record.aside:
                kept = record.aside[one]
                yield from kept.tags or ()
                yield from phrases([*(kept.texts or {}).values()])
        yield from (Tag(name, 1.0) for name in self.add)


def synonyms_of(tag: Tag) -> list[str]:
    return [str(one) for one in tag.extra.get(SYNONYMS, ())]


def threshold_of(tag: Tag) -> float | None:
    least = tag.extra.get(THRESHOLD)
    return None if least is None else float(least)


def phrases(texts: Sequence[Text]) -> Iterator[Tag]:
    """The words of each phrase, on one line."""
    for text in texts:
        for phrase in text.phrases:
            yield Tag(" ".join(text.text[phrase.start : phrase.end].split()), 1.0)
