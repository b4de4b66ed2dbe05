"""Phrases follow the instances that they speak of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from labelyard.generate.record import Record, Text

Numbers = Callable[[int], int | None]  # an instance's old number to its new one; None: it is gone
NOTHING: Mapping[int, int] = MappingProxyType({})


def renumbered(record: Record, kept: Sequence[int], merged: Mapping[int, int] = NOTHING) -> None:
    """Leave the record those of its instances that have these numbers, in this order, and take its phrases along.

    `merged` says of those that are gone which one of the kept has taken each in. Others leave the phrases that spoke of
    them, and a phrase that speaks of none any more is no phrase. What an aside's texts say of the aside's own instances
    stays. For every step that drops or reorders instances; one that finds them anew need do nothing.
    """
    if len(set(kept)) != len(kept):
        raise ValueError(f"an instance can't be there twice: {list(kept)}")
    new = {old: number for number, old in enumerate(kept)}
    record.instances = [record.instances[old] for old in kept]
    _follow(record, lambda old: new.get(merged.get(old, old)))


def void_phrases(record: Record, texts: Mapping[str, Text]) -> None:
    """The instances are others now. Of these texts, those that the record still has lose their phrases."""
    for name, text in texts.items():
        if text.phrases and record.texts.get(name) is text:
            record.texts[name] = replace(text, phrases=())
    for aside in record.aside.values():
        if aside.texts and aside.instances is None:
            aside.texts = {name: replace(text, phrases=()) for name, text in aside.texts.items()}


def _follow(record: Record, number: Numbers) -> None:
    record.texts = {name: _followed(text, number) for name, text in record.texts.items()}
    for aside in record.aside.values():
        if aside.texts and aside.instances is None:
            aside.texts = {name: _followed(text, number) for name, text in aside.texts.items()}


def _followed(text: Text, number: Numbers) -> Text:
    if not text.phrases:
        return text
    followed = []
    for phrase in text.phrases:
        now = [new for old in phrase.instances if (new := number(old)) is not None]
        if now:
            followed.append(replace(phrase, instances=tuple(dict.fromkeys(now))))
    return replace(text, phrases=tuple(followed))
