"""Which phrases of a caption are known to speak of instances."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from labelyard.generate.record import Phrase
from labelyard.generate.steps.tools.whole_words import find

Relations = Iterable[tuple[str, Sequence[int]]]  # phrases, with the numbers of their instances


def plain(text: str) -> str:
    """Letters in their usual form, and no blanks around."""
    return unicodedata.normalize("NFKC", text).strip()


def in_caption(caption: str, relations: Relations) -> list[Phrase]:
    """Of a caption that is plain, in the order of the relations."""
    found = []
    for phrase, numbers in relations:
        place = find(plain(phrase), caption) if numbers else None
        if place is not None:
            found.append(Phrase(*place, tuple(numbers)))
    return found
