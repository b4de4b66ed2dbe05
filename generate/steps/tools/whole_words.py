"""Where words stand in a text as words, not inside of others, and in whichever case."""

from __future__ import annotations

import re


def find(words: str, text: str) -> tuple[int, int] | None:
    """The first place; blanks between the words may be any."""
    if not words.strip():
        return None
    pattern = r"\s+".join(map(re.escape, words.split()))
    found = re.search(rf"(?<!\w){pattern}(?!\w)", text, re.IGNORECASE)
    return found.span() if found else None


def contains(text: str, words: str) -> bool:
    return find(words, text) is not None


def words_of(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def behind_colon(words: str) -> str:
    """What a model has said, where it names itself first: `Assistant: a dog`."""
    _, colon, rest = words.partition(":")
    return (rest.replace(":", " ") if colon else words).strip()
