"""What a text that was written about a scene says of the scene's things: first in words that are known of them, then
in words that are nearly those, at last by the noun alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from labelyard.generate.record import Box, Phrase
from labelyard.generate.steps.phrases.parser import Parse, Parser, sentence_case
from labelyard.generate.steps.phrases.spans import Span, narrow, wide
from labelyard.generate.steps.tools.whole_words import behind_colon, contains, find, words_of

ALIKE = 0.75  # of the words of the shorter phrase, which the longer one has to have


@dataclass(frozen=True)
class Thing:
    number: int
    box: Box
    labels: Sequence[str]
    attributes: Sequence[str] = ()
    floating: bool = False


@dataclass
class Found:
    """Phrases by their words, small; of equal ones the first."""

    text: str
    phrases: dict[str, Phrase] = field(default_factory=dict)

    def add(self, place: tuple[int, int], numbers: Sequence[int]) -> None:
        words = self.text[slice(*place)].lower()
        if numbers:
            self.phrases.setdefault(words, Phrase(*place, tuple(numbers)))

    def has(self, words: str) -> bool:
        return words.lower() in self.phrases

    def without_parts(self) -> list[Phrase]:
        """Longest first; a phrase that is part of a longer one about the same things is none."""
        kept: list[tuple[str, Phrase]] = []
        for words, phrase in sorted(self.phrases.items(), key=lambda one: -len(one[0])):
            same = (longer for longer, other in kept if other.instances == phrase.instances)
            if not any(words in longer for longer in same):
                kept.append((words, phrase))
        return [phrase for _, phrase in kept]


def in_text(
    text: str, things: Sequence[Thing], relations: Sequence[tuple[str, Sequence[int]]], parser: Parser
) -> list[Phrase]:
    """`things`: objects, then floating ones."""
    found = Found(text)
    _by_known_words(found, things, relations)
    (parse,) = parser([sentence_case(text)])
    first: dict[str, Span] = {}
    for span in narrow(text, parse):
        first.setdefault(span.of(text).lower(), span)
    own = list(first.values())
    _by_like_words(found, [span for span in own if not found.has(span.of(text))], things, relations, own, parser)
    left = [span for span in own if not found.has(span.of(text))]
    _by_nouns(found, left, [thing for thing in things if not thing.floating], parser)
    return found.without_parts()


def _by_known_words(found: Found, things: Sequence[Thing], relations: Sequence[tuple[str, Sequence[int]]]) -> None:
    there = {thing.number for thing in things}
    for thing in things:
        places = (find(behind_colon(words), found.text) for words in thing.attributes)
        place = next((place for place in places if place is not None), None)
        if place is not None:
            found.add(place, [thing.number])
    for phrase, numbers in relations:
        place = find(phrase, found.text)
        if place is not None and not found.has(found.text[slice(*place)]):
            found.add(place, [number for number in numbers if number in there])


def _by_like_words(
    found: Found,
    spans: Sequence[Span],
    things: Sequence[Thing],
    relations: Sequence[tuple[str, Sequence[int]]],
    own: Sequence[Span],
    parser: Parser,
) -> None:
    known = _one_text_each(things, relations, {span.of(found.text).lower() for span in own})
    pairs = [(span.of(found.text).lower(), text) for span in spans for text in known.values()]
    lemmas = _lemmas([_by_length(*pair)[0] for pair in pairs if not _one_in_other(*pair)], parser)
    for span in spans:
        words = span.of(found.text).lower()
        likeness = {number: _alike(words, text, lemmas) for number, text in known.items()}
        best = max(likeness, key=likeness.__getitem__, default=None)  # the first of equals
        if best is not None and likeness[best] >= ALIKE:
            found.add((span.start, span.end), [best])


def _one_text_each(
    things: Sequence[Thing], relations: Sequence[tuple[str, Sequence[int]]], own: set[str]
) -> dict[int, str]:
    known = {thing.number: behind_colon(thing.attributes[0]).lower() for thing in things if thing.attributes}
    there = {thing.number for thing in things}
    for phrase, numbers in relations:
        if numbers and numbers[0] in there and phrase.strip().lower() not in own:
            known[numbers[0]] = phrase.strip().lower()
    return {number: text for number, text in known.items() if text}


def _lemmas(texts: Sequence[str], parser: Parser) -> dict[str, list[str]]:
    """What each says beside the words that are everywhere."""
    each = list(dict.fromkeys(texts))
    return {text: _said(parse) for text, parse in zip(each, parser(each) if each else [], strict=True)}


def _said(parse: Parse) -> list[str]:
    return [token.lemma.lower() for token in parse if not token.stop and not token.punct]


def _alike(one: str, other: str, lemmas: Mapping[str, Sequence[str]]) -> float:
    """1 where one is in the other; else the share of the shorter one's words that the longer one has."""
    if _one_in_other(one, other):
        return 1.0
    shorter, longer = _by_length(one, other)
    said, there = lemmas[shorter], words_of(longer)
    return sum(word in there for word in said) / len(said) if said else 0.0


def _one_in_other(one: str, other: str) -> bool:
    return contains(one, other) or contains(other, one)


def _by_length(one: str, other: str) -> tuple[str, str]:
    return (one, other) if len(one) < len(other) else (other, one)


def _by_nouns(found: Found, spans: Sequence[Span], objects: Sequence[Thing], parser: Parser) -> None:
    """Each phrase is parsed by itself. A noun that is the name of one object speaks of it; of two, where one lies in
    the other, of the outer one."""
    texts = [span.of(found.text) for span in spans]
    parses = parser([sentence_case(text) for text in texts]) if texts else []
    for span, text, parse in zip(spans, texts, parses, strict=True):
        for inner in wide(text, parse):
            meant = _meant([thing for thing in objects if _is_called(thing, inner.noun)])
            if meant is not None:
                found.add((span.start + inner.start, span.start + inner.end), [meant.number])


def _is_called(thing: Thing, noun: str) -> bool:
    name = noun.lower()
    return any(label.lower() in (name, f"{name}s") or f"{label.lower()}s" == name for label in thing.labels)


def _meant(things: Sequence[Thing]) -> Thing | None:
    if len(things) == 1:
        return things[0]
    if len(things) == 2:
        one, other = things
        if _is_inside(one.box, other.box):
            return other
        if _is_inside(other.box, one.box):
            return one
    return None


def _is_inside(box: Box, outer: Box) -> bool:
    return box[0] >= outer[0] and box[1] >= outer[1] and box[2] <= outer[2] and box[3] <= outer[3]
