"""The noun phrases of a text, as parts of it: a noun, and from the first to the last word that depends on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from labelyard.generate.steps.phrases.parser import Parse, Token

ENDS = " .,"


@dataclass(frozen=True)
class Span:
    """`text[start:end]` of the text that the parse is of."""

    noun: str
    start: int
    end: int

    def of(self, text: str) -> str:
        return text[self.start : self.end]


def noun_phrases(text: str, parse: Parse) -> list[Span]:
    """Those that say more than a noun with its article; where there is none, all."""
    return narrow(text, parse) or wide(text, parse)


def narrow(text: str, parse: Parse) -> list[Span]:
    """Without a noun alone, an article with its noun, what stands behind a comma that the noun stands before, and what
    is part of a phrase before."""
    spans: list[Span] = []
    so_far = ""
    for noun, tree in _nouns(parse):
        if len(tree) == 1 or (len(tree) == 2 and tree[0].pos in ("DET", "PRON") and tree[1].pos == "NOUN"):
            continue
        words, end = _up_to_the_noun(noun, tree)
        if words == noun.text or words in so_far:
            continue
        so_far += f" {words}"
        spans.append(_span(text, noun, tree[0].start, end))
    return spans


def wide(text: str, parse: Parse) -> list[Span]:
    """All but nouns alone, without full stops and commas at their ends."""
    spans = []
    for noun, tree in _nouns(parse):
        if len(tree) == 1:
            continue
        end = tree[-1].end
        while end > tree[0].start and text[end - 1] in ENDS:
            end -= 1
        if end > tree[0].start:
            spans.append(_span(text, noun, tree[0].start, end))
    return spans


def base_phrases(text: str, parse: Parse) -> list[Span]:
    """Each noun with what stands right before it and depends on it, without an article; no phrase within another."""
    spans = []
    for noun, tree in _nouns(parse):
        own = tree.index(noun)
        first = own
        while first and _belongs(text, tree[first - 1], tree[first]):
            first -= 1
        spans.append(_span(text, noun, tree[first].start, noun.end))
    return [one for one in spans if not any(_within(one, other) for other in spans)]


def _belongs(text: str, before: Token, token: Token) -> bool:
    apart = before.pos in ("DET", "PRON", "NUM") or before.text in (",", ";")
    return not apart and not text[before.end : token.start].strip()


def _within(one: Span, other: Span) -> bool:
    return (one.start, one.end) != (other.start, other.end) and other.start <= one.start and one.end <= other.end


def _nouns(parse: Parse) -> Iterator[tuple[Token, list[Token]]]:
    for token in parse:
        if token.pos == "NOUN":
            yield token, [parse[number] for number in token.subtree]


def _up_to_the_noun(noun: Token, tree: list[Token]) -> tuple[str, int]:
    """The words with single spaces between them, and where they end: at commas, the parts up to that with the noun."""
    words, ends = "", list[int]()  # of each character, where it ends in the text
    for token in tree:
        gap = " " if words else ""
        ends += [token.start] * len(gap) + [token.start + place + 1 for place in range(len(token.text))]
        words += gap + token.text
    parts = words.split(",")
    kept = next((number for number, part in enumerate(parts, start=1) if noun.text in part), len(parts))
    before = ",".join(parts[:kept]).rstrip()
    return ",".join(part.strip() for part in parts[:kept]), ends[len(before) - 1] if before else tree[0].end


def _span(text: str, noun: Token, start: int, end: int) -> Span:
    return Span(text[noun.start : noun.end], start, end)
