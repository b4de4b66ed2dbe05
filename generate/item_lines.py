"""Ids and lines of items, thousands at a time: the very bytes that `item_id` and `Item.to_json` give one by one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from hashlib import blake2b

from generate.record import item_id
from generate.rows import Rows
from utils.jsons import dump, on_one_line, text_of

BYTES = 8  # of an id
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


def item_lines(rows: Rows, ids: Sequence[str], picked: Iterable[int], first: int) -> list[str]:
    """One line for each of the picked rows; `first` is the index of the first of them."""
    images, captions = map(_quoted, rows.images), map(_quoted, rows.captions)
    if len(ids) == len(rows.images) and isinstance(picked, range) and len(picked) == len(ids) and _only_two(rows):
        return [
            f'{{"id":"{i}","index":{n},"image":{image},"caption":{caption}}}\n'
            for n, (i, image, caption) in enumerate(zip(ids, images, captions, strict=True), first)
        ]
    return [_line(rows, ids[at], at, number) for number, at in enumerate(picked, first)]


def _only_two(rows: Rows) -> bool:
    return rows.given is None and rows.places is None and rows.known is None


def _line(rows: Rows, item_id: str, at: int, index: int) -> str:
    text = (
        f'{{"id":"{item_id}","index":{index},"image":{_quoted(rows.images[at])},"caption":{_quoted(rows.captions[at])}'
    )
    for name, column in (("given", rows.given), ("place", rows.places), ("known", rows.known)):
        if column is not None and column[at]:
            text += f',"{name}":{text_of(column[at])}'
    return text + "}\n"


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
