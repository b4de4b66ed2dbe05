"""Rows of the input, thousands at a time, in columns: what ten million rows are planned from.

Of one row at a time `Source.entries` tells the same. A source whose rows are JSON objects gets here by way of
`of_objects`, which looks at all values of a column at once and only where something is odd at the rows one by one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from generate.source import Entry, Refusal, Row

if TYPE_CHECKING:
    from generate.source import Source

AT_ONCE = 8192
PLAIN = frozenset((str, int, bool, type(None)))  # values that are JSON whatever they are

Given = Mapping[str, Any]


@dataclass
class Rows:
    count: int  # rows read, those that are no items among them
    images: list[str]
    captions: list[str]
    given: list[Given] | None = None  # None: nothing was given beyond image and caption
    places: list[Given | None] | None = None
    known: list[Given | None] | None = None
    refused: list[tuple[int, Refusal]] = field(default_factory=list)  # with how many rows were read by then
    has_caption: bool = True  # any of them
    digests: bytes | None = None  # of the items, where somebody has made them already (generate/item_lines.py)

    def given_of(self, number: int) -> Given:
        return {} if self.given is None else self.given[number]


def grouped(rows: Iterable[Row], at_once: int = AT_ONCE) -> Iterator[Rows]:
    stream = iter(rows)
    while some := list(islice(stream, at_once)):
        yield of_rows(some)


def of_rows(some: list[Row]) -> Rows:
    refused = [(number, row) for number, row in enumerate(some, 1) if isinstance(row, Refusal)]
    entries = [row for row in some if isinstance(row, Entry)]
    return Rows(
        count=len(some),
        images=[entry.image for entry in entries],
        captions=[entry.caption for entry in entries],
        given=[entry.given for entry in entries] if any(entry.given for entry in entries) else None,
        places=[entry.place for entry in entries] if any(entry.place for entry in entries) else None,
        known=[entry.known for entry in entries] if any(entry.known for entry in entries) else None,
        refused=refused,
        has_caption=any(entry.has_caption for entry in entries),
    )


def joined(many: Iterable[Rows]) -> Iterator[Rows]:
    """Few large ones of many small ones, as long as they are plain."""
    whole: Rows | None = None
    for rows in many:
        if whole is not None and (whole.count >= AT_ONCE or not _is_simple(rows) or not _is_simple(whole)):
            yield whole
            whole = None
        if whole is None:
            whole = rows
            continue
        whole.count += rows.count
        whole.images += rows.images
        whole.captions += rows.captions
    if whole is not None:
        yield whole


def _is_simple(rows: Rows) -> bool:
    return rows.given is None and rows.places is None and rows.known is None and not rows.refused


def of_objects(objects: list[Any], source: Source, where: Callable[[int], str]) -> Rows:
    """`where` leads a person to the number-th of them. Wherever anything is odd, each is looked at by itself."""
    found = _columns(objects, source)
    return found or of_rows([source.entry(value, where(number)) for number, value in enumerate(objects)])


def _columns(objects: list[Any], source: Source) -> Rows | None:
    image_key, caption_key = source.image_key, source.caption_key
    if caption_key is None or image_key == caption_key or set(map(type, objects)) != {dict}:
        return None
    try:
        images = [row[image_key] for row in objects]
        captions = [row[caption_key] for row in objects]
    except KeyError:
        return None
    if set(map(type, images)) != {str} or set(map(type, captions)) != {str} or not all(images):
        return None
    if max(map(len, objects)) == 2:
        return Rows(len(objects), images, captions)
    if not all(map(_is_plain, objects)):
        return None
    for row in objects:
        del row[image_key], row[caption_key]
    return Rows(len(objects), images, captions, [source.kept(row) for row in objects])


def _is_plain(row: dict[str, Any]) -> bool:
    """Nothing in it is a number that JSON lacks, or deep."""
    kinds = set(map(type, row.values()))
    if kinds <= PLAIN:
        return True
    return kinds <= PLAIN | {float} and all(type(v) is not float or math.isfinite(v) for v in row.values())
