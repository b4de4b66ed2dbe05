"""JSON as every reader takes it: valid UTF-8, and no numbers that JSON does not have."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec

DEEPEST = 100  # levels; Python's own encoder gives up at a thousand
# JSON escapes line feeds by itself. These end a line for many a reader too, Python's splitlines among them.
LINE_ENDS = tuple((end.encode(), b"\\u%04x" % ord(end)) for end in "\x85\u2028\u2029")

_quoted = json.encoder.encode_basestring


def _refuse(value: Any) -> None:
    raise TypeError(f"{type(value).__name__} is nothing that JSON has")


# Private to json, and made once: 0.9 µs for what a short row has, where JSONEncoder.encode takes 3.1 and json.dumps 4.8
# (they make it anew for every call). Of ten million rows that is 22 s.
_pieces = json.encoder.c_make_encoder(  # type: ignore[attr-defined]
    None, _refuse, _quoted, None, ":", ",", False, False, False
)
_parsed = msgspec.json.Decoder().decode


def parse(text: str | bytes) -> Any:
    """What `json.loads` gives, and its errors, in less than half the time.

    Whatever msgspec takes it reads as json does; what it refuses (NaN, half a surrogate pair, damage) json decides.
    """
    try:
        return _parsed(text)
    except (ValueError, RecursionError):
        return json.loads(text)


def text_of(value: Any) -> str:
    """JSON in one line, with letters as they are. ValueError for numbers that JSON does not have."""
    return "".join(_pieces(value, 0))


def texts_of(values: list[Any]) -> list[str]:
    """The JSON of each, with null for numbers that JSON does not have."""
    kinds = set(map(type, values))
    if kinds == {str}:
        return list(map(_quoted, values))
    if kinds == {int} or (kinds == {float} and all(map(math.isfinite, values))):
        return list(map(repr, values))
    return [text_of(finite(value)) for value in values]


def objects_of(keys: list[str], columns: list[list[str]]) -> list[str]:
    """The JSON of objects whose values are JSON already, one list for each key."""
    pattern = ",".join(_quoted(key).replace("%", "%%") + ":%s" for key in keys)
    return [f"{{{pattern}}}" % row for row in zip(*columns, strict=True)]


def dump(value: Any, indent: int | None = None) -> bytes:
    """One JSON text and a newline. Letters stay readable."""
    text = text_of(value) if indent is None else _indented(value, indent)
    return on_one_line(utf8(text)) + b"\n"


def utf8(text: str) -> bytes:
    """JSON as UTF-8. What that can't hold (half a surrogate pair, from a list with broken escapes) is escaped: a reader
    that opens the file as UTF-8 would stop at it otherwise. It stands in no other place than within a string."""
    return text.encode("utf-8", "backslashreplace")


def _indented(value: Any, indent: int) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)


def on_one_line(text: bytes) -> bytes:
    """JSON without what else than a line feed ends a line."""
    if text.isascii():  # many times faster to see than that they are not there
        return text
    for end, escape in LINE_ENDS:
        if end in text:
            text = text.replace(end, escape)
    return text


def finite(value: Any, level: int = 0) -> Any:
    """The value with null where a number is NaN or infinite. ValueError if it is nested too deep to be written."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict | list):
        if level >= DEEPEST:
            raise ValueError(f"nested more than {DEEPEST} levels deep")
        if isinstance(value, dict):
            return {key: finite(below, level + 1) for key, below in value.items()}
        return [finite(below, level + 1) for below in value]
    return value
