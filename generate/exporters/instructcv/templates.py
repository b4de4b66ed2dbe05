"""Sentences with places for what a sample is about, one per line: `%` the class, `%s` several of it, `*` the colour
that says it is there, `#` the colour that says it is not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from labelyard.utils.english import noun_phrase, plural
from labelyard.utils.errors import UserError

OWN = files(__package__).joinpath("templates")
WORDS = ("det", "seg", "depes", "cls", "panoptic", "derain", "enhance", "denoise")
PLACE = re.compile(r"%s(?![A-Za-z])|[%*#]")
PLACED = re.compile(rf"\b[aA] %(?!s(?![A-Za-z]))|{PLACE.pattern}")  # 'a %' is 'an apple', or 'some grass'
# What a line must have a place for. A line may have no others.
NEEDED = {"det": "%", "seg": "%", "cls": "*%#"}
FIXED = {
    "det": "detect the %",
    "seg": "segment the %",
    "depes": "estimate the depth",
    "cls": "show * if there is %, otherwise show #",
    "panoptic": "segment everything",
    "derain": "remove the rain",
    "enhance": "enhance the light",
    "denoise": "remove the noise",
}


def templates(place: str | None, words: tuple[str, ...] = WORDS) -> dict[str, tuple[str, ...]]:
    """By task. `place`: a folder of the user's own, whose missing files fall back to ours; or `fixed`."""
    if place == "fixed":
        return {word: (FIXED[word],) for word in words}
    own = None if place is None else Path(place)
    if own is not None and not own.is_dir():
        raise UserError(f"templates={place}: there is no such folder (looked in {Path.cwd()}). Give one, or fixed")
    return {word: _of(word, own) for word in words}


def _of(word: str, own: Path | None) -> tuple[str, ...]:
    if own is not None and (own / f"{word}.txt").is_file():
        return lines_of((own / f"{word}.txt").read_text(encoding="utf-8-sig"), word, str(own / f"{word}.txt"))
    return lines_of(OWN.joinpath(f"{word}.txt").read_text(encoding="utf-8"), word, f"{word}.txt")


def lines_of(text: str, word: str, where: str) -> tuple[str, ...]:
    """Empty lines and those that begin with // are comments."""
    found: list[str] = []
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if line and not line.startswith("//"):
            check(line, word, f"{where}, line {number}")
            found.append(line)
    if not found:
        raise UserError(f"{where} has no sentence")
    return tuple(found)


def check(line: str, word: str, where: str) -> None:
    needed, there = set(NEEDED.get(word, "")), {found[0] for found in PLACE.findall(line)}
    if there != needed:
        wrong = f"lacks {' and '.join(sorted(needed - there))}" if needed - there else "has a place too many"
        wanted = f"exactly {' and '.join(sorted(needed))}" if needed else "none of % * #"
        raise UserError(f"{where} {wrong}: {line!r}. A sentence for {word} has {wanted}")


def rendered(template: str, values: Mapping[str, str]) -> str:
    """`values` by their places: % * #."""

    def put(found: re.Match[str]) -> str:
        if found[0] == "%s":
            return plural(values["%"])
        if len(found[0]) == 1:
            return values[found[0]]
        phrase = noun_phrase(values["%"])
        return phrase if found[0][0] == "a" else phrase[0].upper() + phrase[1:]

    return PLACED.sub(put, template)
