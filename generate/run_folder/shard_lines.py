"""Ids and lines of items, thousands at a time: the very bytes that `item_id` and `Item.to_json` give one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any, TypeVar

import msgspec

from labelyard.generate.record import Item, item_id
from labelyard.generate.rows import Rows
from labelyard.utils.jsons import dump, on_one_line, parse, text_of, utf8

BYTES = 8  # of an id
Value = TypeVar("Value")
_encoder = msgspec.json.Encoder()
_decoded = msgspec.json.Decoder(Item).decode


def digests(images: list[str], captions: list[str]) -> bytes:
    """The ids, eight bytes each, one behind another."""
    if all(map(str.isascii, images)):  # then a name has as many bytes as letters
        new = blake2b(digest_size=BYTES).copy
        found: list[bytes] = []
        try:
            for image, caption in zip(images, captions, strict=True):
                digest = new()
                digest.update(f"{len(image)}:{image}{caption}".encode())
                found.append(digest.digest())
            return b"".join(found)
        except UnicodeEncodeError:  # half a surrogate pair in a caption
            found.clear()
    return bytes.fromhex("".join(map(item_id, images, captions)))


def digests_of(rows: Rows) -> bytes:
    return digests(rows.contents(), rows.captions) if rows.digests is None else rows.digests


def hex_ids(data: bytes) -> list[str]:
    return data.hex(" ", BYTES).split(" ") if data else []


class Line(msgspec.Struct, omit_defaults=True, gc=False):
    """What a shard's line holds, in the order of its keys."""

    id: str
    index: int
    image: str
    caption: str
    given: msgspec.Raw | None = None
    place: msgspec.Raw | None = None
    known: msgspec.Raw | None = None
    video: msgspec.Raw | None = None


def item_lines(rows: Rows, ids: Sequence[str], picked: Sequence[int], first: int) -> list[Line]:
    """One line for each of the picked rows; `first` is the index of the first of them."""
    columns = [_picked(column, picked) for column in (ids, rows.images, rows.captions)]
    lines = list(map(Line, columns[0], range(first, first + len(picked)), *columns[1:]))
    for name, texts in _others(rows, picked):
        for line, text in zip(lines, texts, strict=True):
            if text:
                setattr(line, name, msgspec.Raw(utf8(text)))
    return lines


def _others(rows: Rows, picked: Sequence[int]) -> Iterator[tuple[str, Sequence[str]]]:
    """What a line has behind its caption, as JSON."""
    if rows.given is not None:
        yield "given", _picked(rows.given, picked)
    for name, column in (("place", rows.places), ("known", rows.known)):
        if column is not None:
            yield name, [text_of(value) if value else "" for value in _picked(column, picked)]
    if rows.videos is not None:
        yield "video", [text_of(video) if video else "" for video in _picked(rows.videos, picked)]


def _picked(column: Sequence[Value], picked: Sequence[int]) -> Sequence[Value]:
    return column if len(picked) == len(column) else [column[at] for at in picked]


def encoded(lines: list[Line]) -> bytes:
    """The lines as UTF-8. What it can't hold is escaped, as `dump` does."""
    try:
        return on_one_line(_encoder.encode_lines(lines))
    except UnicodeEncodeError:
        return b"".join(dump(_body(line)) for line in lines)


def _body(line: Line) -> dict[str, Any]:
    each = ((name, getattr(line, name)) for name in line.__struct_fields__)
    return {name: parse(bytes(v)) if isinstance(v, msgspec.Raw) else v for name, v in each if v is not None}


def item_of(line: bytes) -> Item:
    """ValueError, KeyError or TypeError if it is none."""
    try:
        return _decoded(line)
    except ValueError:
        return Item.from_json(parse(line))
