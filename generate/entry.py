"""What a source makes of one row of its input: an entry, which becomes an item, or the reason why it can't be one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One row of the input, before it has an id and a place in the plan."""

    image: str
    caption: str
    given: Mapping[str, Any] = field(default_factory=dict)
    has_caption: bool = True  # or none is expected
    place: Mapping[str, Any] | None = None  # see Item
    known: Mapping[str, Any] | None = None  # see Item


@dataclass(frozen=True)
class Refusal:
    """One row that can't be an item."""

    where: str
    reason: str

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


Row = Entry | Refusal
