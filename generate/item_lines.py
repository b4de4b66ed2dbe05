"""Ids and lines of items, thousands at a time: the very bytes that `item_id` and `Item.to_json` give one by one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

from generate.record import item_id
from generate.rows import Rows
from utils.jsons import dump, on_one_line, text_of

BYTES = 8  # of an id
Value = TypeVar("Value")
_quoted = json.encoder.encode_basestring


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


def hex_ids(data: bytes) -> list[str]:
    return data.hex(" ", BYTES).split(" ") if data else []


def item_lines(rows: Rows, ids: Sequence[str], picked: Sequence[int], first: int) -> list[str]:
    """One line for each of the picked rows; `first` is the index of the first of them."""
    images, captions = (map(_quoted, _picked(column, picked)) for column in (rows.images, rows.captions))
    each = zip(_picked(ids, picked), images, captions, _others(rows, picked), strict=True)
    return [
        f'{{"id":"{i}","index":{n},"image":{image},"caption":{caption}{others}}}\n'
        for n, (i, image, caption, others) in enumerate(each, first)
    ]


def _others(rows: Rows, picked: Sequence[int]) -> list[str]:
    """What a line has behind its caption."""
    texts = [""] * len(picked)
    if rows.given is not None:
        texts = [f',"given":{given}' if given else "" for given in _picked(rows.given, picked)]
    for name, column in (("place", rows.places), ("known", rows.known)):
        if column is not None:
            each = zip(texts, _picked(column, picked), strict=True)
            texts = [f'{text},"{name}":{text_of(value)}' if value else text for text, value in each]
    return texts


def _picked(column: Sequence[Value], picked: Sequence[int]) -> Sequence[Value]:
    return column if len(picked) == len(column) else [column[at] for at in picked]


def encoded(lines: list[str]) -> bytes:
    """The lines as UTF-8. What it can't hold is escaped, as `dump` does."""
    try:
        return on_one_line("".join(lines)).encode()
    except UnicodeEncodeError:
        return b"".join(map(_one_encoded, lines))


def _one_encoded(line: str) -> bytes:
    try:
        return on_one_line(line).encode()
    except UnicodeEncodeError:
        return dump(json.loads(line))
