"""What a parser of sentences says, and nothing of which parser it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Token:
    text: str
    start: int  # in the text that was parsed
    pos: str  # the kind of word: NOUN, DET, PRON, …
    lemma: str
    stop: bool  # one of those that are everywhere: the, of, is
    punct: bool
    subtree: tuple[int, ...]  # the numbers of the tokens that depend on this one, and its own, in order

    @property
    def end(self) -> int:
        return self.start + len(self.text)


Parse = Sequence[Token]


class Parser(Protocol):
    def __call__(self, texts: Sequence[str]) -> list[Parse]:
        """Each text by itself, whatever stands beside it."""


def sentence_case(text: str) -> str:
    """The first letter large and the others small, as parsers are used to, if that keeps places as they are."""
    changed = text.capitalize()
    return changed if len(changed) == len(text) else text
