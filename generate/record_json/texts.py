"""Texts with their phrases, to JSON and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labelyard.generate.record import Phrase, Text
from labelyard.generate.record_json.fields import OWN_KEYS_OF_TEXTS

Json = dict[str, Any]


def texts_to_json(texts: Mapping[str, Text]) -> Json:
    return {name: _to_json(text) for name, text in texts.items()}


def texts_from_json(entries: Mapping[str, Json], ids: Sequence[int] | None = None) -> dict[str, Text]:
    """`ids`: of the annos, in the order of the instances that were made of them. Without, they are numbered so."""
    numbers = None if ids is None else {found: number for number, found in enumerate(ids)}
    return {name: _from_json(entry, numbers) for name, entry in entries.items()}


def texts_about(entries: Mapping[str, Json], ids: Sequence[int]) -> Json:
    """The texts of a record of which only these annos are left. A phrase about none of them is no phrase."""
    left, texts = set(ids), {}
    for name, entry in entries.items():
        phrases = [{**p, "annos": [a for a in p["annos"] if a in left]} for p in entry.get("phrases", ())]
        rest = {key: value for key, value in entry.items() if key != "phrases"}
        texts[name] = {**rest, "phrases": about} if (about := [p for p in phrases if p["annos"]]) else rest
    return texts


def _to_json(text: Text) -> Json:
    found: Json = {"text": text.text, "source": text.source}
    if text.phrases:
        found["phrases"] = [{"start": p.start, "end": p.end, "annos": list(p.instances)} for p in text.phrases]
    found.update((key, value) for key, value in text.facts.items() if key not in OWN_KEYS_OF_TEXTS)
    return found


def _from_json(entry: Json, numbers: Mapping[int, int] | None) -> Text:
    phrases = [
        Phrase(p["start"], p["end"], tuple(p["annos"] if numbers is None else (numbers[a] for a in p["annos"])))
        for p in entry.get("phrases", ())
    ]
    facts = {key: value for key, value in entry.items() if key not in OWN_KEYS_OF_TEXTS}
    return Text(entry["text"], entry["source"], tuple(phrases), facts)
