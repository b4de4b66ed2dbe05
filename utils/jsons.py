"""JSON as every reader takes it: valid UTF-8, and no numbers that JSON does not have."""

from __future__ import annotations

import json
import math
from typing import Any

DEEPEST = 100  # levels; Python's own encoder gives up at a thousand


def dump(value: Any, indent: int | None = None) -> bytes:
    """One JSON text and a newline.

    Letters stay readable. Only a text that UTF-8 can't hold (half a surrogate pair, from a list with broken escapes) is
    escaped: a reader that opens the file as UTF-8 would stop at it otherwise.
    """
    separators = (",", ":") if indent is None else None
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=separators, indent=indent)
    try:
        return text.encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(value, allow_nan=False, separators=separators, indent=indent).encode() + b"\n"


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
