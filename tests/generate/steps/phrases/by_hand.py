"""Sentences that were parsed by hand."""

from __future__ import annotations

import re
from collections.abc import Sequence

from labelyard.generate.steps.phrases.parser import Parse, Token

DETERMINERS = {"a", "an", "the", "some", "several", "two", "his"}
STOPS = DETERMINERS | {"in", "on", "of", "with", "and", "near", "is", "are", "to", "at"}


def parse(text: str, **nouns: str) -> Parse:
    """`nouns`: each with the words that depend on it, as they stand in the text. All other words depend on nothing
    and nothing on them."""
    words = [(found[0], found.start()) for found in re.finditer(r"\w+|[^\w\s]", text)]
    return [_token(number, words, text, nouns) for number in range(len(words))]


def _token(number: int, words: Sequence[tuple[str, int]], text: str, nouns: dict[str, str]) -> Token:
    word, start = words[number]
    small = word.lower()
    tree: tuple[int, ...] = (number,)
    if small in nouns:
        first = text.lower().index(nouns[small].lower())
        tree = tuple(n for n, (_, at) in enumerate(words) if first <= at < first + len(nouns[small]))
    kind = "NOUN" if small in nouns else "DET" if small in DETERMINERS else "PUNCT" if not small.isalnum() else "ADJ"
    return Token(word, start, kind, small.rstrip("s"), small in STOPS, kind == "PUNCT", tree)


class ByHand:
    """A parser that knows these nouns of these texts, whatever the case."""

    def __init__(self, **nouns: str) -> None:
        self._nouns = nouns
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str]) -> list[Parse]:
        self.asked += texts
        found = []
        for text in texts:
            small = text.lower()
            there = {noun: words for noun, words in self._nouns.items() if re.search(rf"\b{noun}\b", small)}
            found.append(parse(text, **{n: words if words in small else n for n, words in there.items()}))
        return found
