"""Choices at random that depend on what they are about, and on nothing else: not on order, company or machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TypeVar

Choice = TypeVar("Choice")


def number(*about: str | int) -> int:
    """64 bits."""
    return int.from_bytes(hashlib.blake2b(json.dumps(about).encode(), digest_size=8).digest(), "big")


def place(*about: str | int) -> float:
    """From 0 to 1, without 1."""
    return (number(*about) >> 11) / (1 << 53)


def one_of(choices: Sequence[Choice], *about: str | int) -> Choice:
    return choices[number(*about) % len(choices)]


def some_of(choices: Sequence[str], count: int, *about: str | int) -> list[str]:
    """So many of them, in their own order. Another choice beside them changes at most one."""
    if count >= len(choices):
        return list(choices)
    taken = set(sorted(choices, key=lambda choice: (number(*about, choice), choice))[:count])
    return [choice for choice in choices if choice in taken]
