"""`describe=objects`: one plain sentence that names what was found, with a phrase for each kind of thing.

Nothing looks at the picture to write it: the text says no more than what the steps before have found, and its `source`
is `template`, so that nobody takes it for a model's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labelyard.generate.record import Phrase, Record, Text
from labelyard.generate.roles import floats
from labelyard.generate.step import Step
from labelyard.generate.steps.tools.subject import size_of
from labelyard.utils.english import noun_phrase, plural
from labelyard.utils.grand import DENSE

BEGINNING = "The picture shows "
NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@dataclass(kw_only=True)
class ObjectsDescription(Step):
    """What is large comes first. Things of one label share a phrase; what floats is not named. Where nothing was found
    there is no text."""

    text: str = DENSE  # the name of the text that it makes

    reads = ("instances",)

    @property
    def writes(self) -> tuple[str, ...]:
        return (f"texts.{self.text}",)

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            record.texts.pop(self.text, None)  # of an earlier call
            if groups := grouped(record):
                record.texts[self.text] = named(groups)

    def model(self) -> dict[str, Any]:
        return {"name": "objects", "checkpoint": None}


def grouped(record: Record) -> dict[str, list[int]]:
    """The instances' numbers by their label, that of the largest first."""
    order = sorted(range(len(record.instances)), key=lambda number: -size_of(record.instances[number]))
    groups: dict[str, list[int]] = {}
    for number in order:
        label = record.instances[number].label.strip()
        if label and not floats(record.instances[number]):
            groups.setdefault(label, []).append(number)
    return groups


def named(groups: dict[str, list[int]]) -> Text:
    text, phrases, last = BEGINNING, [], len(groups) - 1
    for place, (label, numbers) in enumerate(groups.items()):
        text += "" if place == 0 else " and " if place == last else ", "
        words = counted_things(label, len(numbers))
        phrases.append(Phrase(len(text), len(text) + len(words), tuple(sorted(numbers))))
        text += words
    return Text(f"{text}.", "template", tuple(phrases))


def counted_things(label: str, number: int) -> str:
    """'a dog', 'two dogs', '14 dogs', 'some grass'."""
    several = plural(label)
    if number == 1 or several == label:  # neither is counted: grass, and what is a plural already
        return noun_phrase(label)
    return f"{NUMBERS[number - 2] if number - 2 < len(NUMBERS) else number} {several}"
