"""What a source makes of its input: an entry, which becomes an item, or the reason why it can't be one.

One row at a time (`Source.entries`), or thousands of them in columns (`Rows`), from which ten million are planned."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from labelyard.generate.record import content
from labelyard.utils.jsons import text_of


@dataclass(frozen=True)
class Entry:
    """One row of the input, before it has an id and a place in the plan. Its image is empty where it has none."""

    image: str
    caption: str
    given: Mapping[str, Any] = field(default_factory=dict)
    has_caption: bool = True  # or none is expected
    place: Mapping[str, Any] | None = None  # see Item
    known: Mapping[str, Any] | None = None  # see Item
    id: str | None = None  # of an item that has one already, from an earlier run
    video: str = ""  # where it lies


@dataclass(frozen=True)
class Refusal:
    """One row that can't be an item."""

    where: str
    reason: str

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


Row = Entry | Refusal
AT_ONCE = 8192
Given = Mapping[str, Any]


@dataclass
class Rows:
    count: int  # rows read, those that are no items among them
    images: list[str]
    captions: list[str]
    given: list[str] | None = None  # beyond image and caption: an object's JSON, or ""; None: nothing with any
    places: list[Given | None] | None = None
    known: list[Given | None] | None = None
    videos: list[str] | None = None
    refused: list[tuple[int, Refusal]] = field(default_factory=list)  # with how many rows were read by then
    has_caption: bool = True  # any of them
    digests: bytes | None = None  # of the items, where somebody has made them already (run_folder/shard_lines.py)

    def contents(self) -> list[str]:
        """What the items are known by beside their captions."""
        return self.images if self.videos is None else list(map(content, self.images, self.videos))

    def keys_of(self, number: int) -> list[str]:
        """What the row has beside image and caption."""
        return list(json.loads(self.given[number])) if self.given is not None and self.given[number] else []


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
        given=given_texts([entry.given for entry in entries]),
        places=[entry.place for entry in entries] if any(entry.place for entry in entries) else None,
        known=[entry.known for entry in entries] if any(entry.known for entry in entries) else None,
        videos=[entry.video for entry in entries] if any(entry.video for entry in entries) else None,
        refused=refused,
        has_caption=any(entry.has_caption for entry in entries),
        digests=bytes.fromhex("".join(ids)) if entries and all(ids := [entry.id or "" for entry in entries]) else None,
    )


def given_texts(given: Sequence[Given]) -> list[str] | None:
    return [text_of(one) if one else "" for one in given] if any(given) else None


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
    return not rows.refused and all(
        column is None for column in (rows.given, rows.places, rows.known, rows.videos, rows.digests)
    )
