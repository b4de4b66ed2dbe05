"""Keys and tokens: known by their names and shapes, and kept out of files, logs and messages."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

HIDDEN = "***"
# Of a setting. Not any name that ends in 'key': source.image_key names a column.
SECRET_SETTING = re.compile(
    r"(^|_)(api_?key|access_?key|private_?key|secret(_key)?|token|passw(or)?d|credentials?)$", re.I
)
# Of an environment variable.
SECRET_VARIABLE = re.compile(r"(^|_)(key|token|secret|passw(or)?d|credentials?)$", re.I)
# What hubs and clouds give out.
SHAPES = re.compile(
    r"\b(hf_[A-Za-z0-9]{20,}|sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,}|AKIA[0-9A-Z]{16}"
    r"|glpat-[\w-]{20,}|xox[abprs]-[\w-]{10,}|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]+)"
)
SAID = re.compile(
    r"(?i)(\b\w*(?:api_?key|access_?key|secret|token|passw(?:or)?d)['\"]?\s*[=:]\s*['\"]?(?:bearer\s+)?)[^\s'\"&,;)}\]]{6,}"
)
SHORTEST = 8  # a shorter value of a variable may be any word


def redacted(text: str) -> str:
    """The text with *** for whatever is, or looks like, a key."""
    for value in _variables():
        text = text.replace(value, HIDDEN)
    return SAID.sub(rf"\1{HIDDEN}", SHAPES.sub(HIDDEN, text))


def secret_settings(node: Mapping[str, Any]) -> list[str]:
    """The settings, by their dotted names, that hold a key."""
    values = _variables()
    found = []
    for name, value in _flat(node):
        named = SECRET_SETTING.search(name.rpartition(".")[2]) is not None
        if value and (named or SHAPES.search(value) or any(known in value for known in values)):
            found.append(name)
    return found


def _variables() -> list[str]:
    values = (value for name, value in os.environ.items() if SECRET_VARIABLE.search(name))
    return sorted((value for value in values if len(value) >= SHORTEST), key=len, reverse=True)


def _flat(node: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _flat(value, f"{name}.{key}" if name else str(key))
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _flat(value, name)
    elif isinstance(node, str):
        yield name, node
