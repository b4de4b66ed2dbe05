"""Phrases, and findings about instances, follow the instances that they speak of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from labelyard.generate.record import Record, Text

Numbers = Callable[[int], int | None]  # an instance's old number to its new one; None: it is gone
NOTHING: Mapping[int, int] = MappingProxyType({})
ABOUT = "annos"  # the key of a finding's entries under which they name instances by number


def renumbered(record: Record, kept: Sequence[int], merged: Mapping[int, int] = NOTHING) -> None:
    """Leave the record those of its instances that have these numbers, in this order, and take its phrases along.

    `merged` says of those that are gone which one of the kept has taken each in. Others leave the phrases that spoke of
    them, and a phrase that speaks of none any more is no phrase. What an aside's texts say of the aside's own instances
    stays. Findings that are lists of entries with `annos` are taken along likewise. For every step that drops or
    reorders instances; one that finds them anew need do nothing.
    """
    if len(set(kept)) != len(kept):
        raise ValueError(f"an instance can't be there twice: {list(kept)}")
    new = {old: number for number, old in enumerate(kept)}
    record.instances = [record.instances[old] for old in kept]
    _follow(record, lambda old: new.get(merged.get(old, old)))


def void_phrases(record: Record, texts: Mapping[str, Text], found: Mapping[str, Any]) -> None:
    """The instances are others now. Of these texts and findings, those that the record still has lose what they said of
    the old ones."""
    for name, text in texts.items():
        if text.phrases and record.texts.get(name) is text:
            record.texts[name] = replace(text, phrases=())
    for name, value in found.items():
        if record.found.get(name) is value:
            record.found[name] = about_none(value)
    for aside in record.aside.values():
        if aside.texts and aside.instances is None:
            aside.texts = {name: replace(text, phrases=()) for name, text in aside.texts.items()}


def is_about_instances(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(entry, dict) and ABOUT in entry for entry in value)


def about_none(value: Any) -> Any:
    """A finding whose instances are gone."""
    return _entries(value, lambda _: None) if is_about_instances(value) else value


def findings_about(found: Mapping[str, Any], number: Numbers) -> dict[str, Any]:
    """Findings with other numbers; an entry that speaks of none any more is none."""
    return {name: _entries(value, number) if is_about_instances(value) else value for name, value in found.items()}


def _entries(entries: Sequence[Any], number: Numbers) -> list[Any]:
    followed = []
    for entry in entries:
        if not (isinstance(entry, dict) and ABOUT in entry):
            followed.append(entry)
        elif now := _followed_numbers(entry[ABOUT], number):
            followed.append({**entry, ABOUT: now})
    return followed


def _follow(record: Record, number: Numbers) -> None:
    record.texts = {name: _followed(text, number) for name, text in record.texts.items()}
    record.found = findings_about(record.found, number)
    for aside in record.aside.values():
        if aside.texts and aside.instances is None:
            aside.texts = {name: _followed(text, number) for name, text in aside.texts.items()}


def _followed(text: Text, number: Numbers) -> Text:
    if not text.phrases:
        return text
    followed = []
    for phrase in text.phrases:
        if now := _followed_numbers(phrase.instances, number):
            followed.append(replace(phrase, instances=tuple(now)))
    return replace(text, phrases=tuple(followed))


def _followed_numbers(numbers: Sequence[int], number: Numbers) -> list[int]:
    """Each once."""
    return list(dict.fromkeys(new for old in numbers if (new := number(old)) is not None))


def relations_of(record: Record) -> list[tuple[str, list[int]]]:
    """What found.relationships says, and of which instances."""
    return [(entry["phrase"], entry[ABOUT]) for entry in record.found.get("relationships", ())]
