"""Rows that are JSON objects: all values of a column are looked at at once, and only where something is odd the rows
one by one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from labelyard.generate.rows import Rows, given_texts, of_rows
from labelyard.generate.source import Source
from labelyard.utils.jsons import parse

PLAIN = frozenset((str, int, bool, type(None)))  # values that are JSON whatever they are
Where = Callable[[int], str]  # what leads a person to the number-th of some rows


class Objects:
    """A source's objects, from their text to rows."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._pair = _pair_of(source)
        self._one_pair = msgspec.json.Decoder(self._pair or Any).decode
        self._pairs = msgspec.json.Decoder(list[self._pair or Any]).decode  # type: ignore[misc]

    def of_list(self, text: str) -> list[Any]:
        """The objects (or whatever else they are) of a JSON list."""
        try:
            objects: list[Any] = self._pairs(text)
        except (ValueError, RecursionError):
            objects = parse(text)
        return objects

    def of_lines(self, lines: Sequence[bytes]) -> list[Any]:
        """The same of lines with one object each."""
        try:
            return list(map(self._one_pair, lines))
        except (ValueError, RecursionError):
            return [parse(line.decode()) for line in lines]

    def rows(self, objects: list[Any], where: Where) -> Rows:
        return self._of_pairs(objects) or self._of_dicts(objects) or self._one_by_one(objects, where)

    def _of_pairs(self, objects: list[Any]) -> Rows | None:
        if not objects or not self._is_pair(objects[0]):
            return None  # the others are what the first is
        images = [pair.image for pair in objects]
        return Rows(len(objects), images, [pair.caption for pair in objects]) if all(images) else None

    def _of_dicts(self, objects: list[Any]) -> Rows | None:
        image_key, caption_key = self._source.image_key, self._source.caption_key
        if None in (image_key, caption_key) or image_key == caption_key or self._source.video_key is not None:
            return None
        if getattr(self._source, "reference_key", None) is not None:
            return None
        if set(map(type, objects)) != {dict}:
            return None
        try:
            images = [row[image_key] for row in objects]
            captions = [row[caption_key] for row in objects]
        except KeyError:
            return None
        if set(map(type, images)) != {str} or set(map(type, captions)) != {str} or not all(images):
            return None
        if not all(map(_is_plain, objects)):
            return None
        for row in objects:
            del row[image_key], row[caption_key]
        return Rows(len(objects), images, captions, given_texts([self._source.kept(row) for row in objects]))

    def _one_by_one(self, objects: list[Any], where: Where) -> Rows:
        return of_rows([self._source.entry(self._value(one), where(number)) for number, one in enumerate(objects)])

    def _value(self, one: Any) -> Any:
        return {self._source.image_key: one.image, self._source.caption_key: one.caption} if self._is_pair(one) else one

    def _is_pair(self, one: Any) -> bool:
        return self._pair is not None and type(one) is self._pair


def _pair_of(source: Source) -> type[msgspec.Struct] | None:
    """An object that has image and caption, both texts, and nothing else, as in most lists: made without a dict."""
    if source.image_key is None or source.caption_key in (None, source.image_key):
        return None
    names: dict[str, str] = {"image": source.image_key, "caption": source.caption_key}
    return msgspec.defstruct(
        "Pair", [("image", str), ("caption", str)], rename=names, forbid_unknown_fields=True, gc=False
    )


def _is_plain(row: dict[str, Any]) -> bool:
    """Nothing in it is a number that JSON lacks, or deep."""
    kinds = set(map(type, row.values()))
    if kinds <= PLAIN:
        return True
    return kinds <= PLAIN | {float} and all(type(v) is not float or math.isfinite(v) for v in row.values())
