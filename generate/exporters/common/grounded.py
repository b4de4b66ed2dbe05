"""Grounded captions as GLaMM can read them: without what it strips, every phrase one place with one mask."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from labelyard.utils import rle
from labelyard.utils.rle import Rle


@dataclass(frozen=True)
class Grounded:
    """A phrase, where it stands, and the mask of all that it is about."""

    start: int
    end: int
    mask: Rle

    def in_text(self, text: str) -> str:
        return text[self.start : self.end]


def plain_caption(text: str) -> tuple[str, int]:
    """A caption that neither begins nor ends with white space or quotes, and how much was taken from its beginning.

    Quotes around the whole of it go. A pair that belongs to a part is written as ', in as many letters; a lonely one at
    either end goes.
    """
    start, end = 0, len(text)
    letters = list(text)
    while True:
        before = (start, end, "".join(letters))
        while start < end and letters[start].isspace():
            start += 1
        while start < end and letters[end - 1].isspace():
            end -= 1
        if start < end and letters[start] == '"':
            partner = next((n for n in range(start + 1, end) if letters[n] == '"'), None)
            if partner is None:
                start += 1
            elif partner == end - 1:
                start, end = start + 1, end - 1
            else:
                letters[start] = letters[partner] = "'"
        if start < end and letters[end - 1] == '"':
            partner = next((n for n in reversed(range(start, end - 1)) if letters[n] == '"'), None)
            if partner is None:
                end -= 1
            else:
                letters[end - 1] = letters[partner] = "'"
        if (start, end, "".join(letters)) == before:
            return "".join(letters[start:end]), start


def moved(found: Iterable[Grounded], text: str, by: int) -> list[Grounded]:
    """Where the phrases stand in a caption that has lost its beginning; without white space at their ends."""
    there = []
    for one in found:
        start, end = max(one.start - by, 0), min(one.end - by, len(text))
        while start < end and text[start].isspace():
            start += 1
        while start < end and text[end - 1].isspace():
            end -= 1
        if start < end:
            there.append(replace(one, start=start, end=end))
    return there


def apart(found: Sequence[Grounded], text: str) -> list[Grounded]:
    """Of those that overlap the longest, then the first; of those that say the same the first. In their order."""
    kept: list[Grounded] = []
    for one in sorted(found, key=lambda one: (one.start - one.end, one.start)):
        if all(one.end <= other.start or other.end <= one.start for other in kept):
            kept.append(one)
    first: dict[str, Grounded] = {}
    for one in sorted(kept, key=lambda one: one.start):
        first.setdefault(one.in_text(text), one)
    return list(first.values())


def union(masks: Sequence[Rle]) -> Rle | None:
    """One mask of all; None where nothing is in it."""
    from pycocotools import mask as coco

    if not masks:
        return None
    codes = [{"size": mask["size"], "counts": mask["counts"].encode("ascii")} for mask in masks]
    code = coco.merge(codes)
    found: Rle = {"size": [int(side) for side in code["size"]], "counts": code["counts"].decode("ascii")}
    return found if rle.area(found) else None
