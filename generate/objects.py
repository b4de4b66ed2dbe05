"""Rows that are JSON objects: all values of a column are looked at at once, and only where something is odd the rows
one by one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from generate.rows import Rows, given_texts, of_rows
from generate.source import Source

PLAIN = frozenset((str, int, bool, type(None)))  # values that are JSON whatever they are


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
    return Rows(len(objects), images, captions, given_texts([source.kept(row) for row in objects]))


def _is_plain(row: dict[str, Any]) -> bool:
    """Nothing in it is a number that JSON lacks, or deep."""
    kinds = set(map(type, row.values()))
    if kinds <= PLAIN:
        return True
    return kinds <= PLAIN | {float} and all(type(v) is not float or math.isfinite(v) for v in row.values())
