"""What was found wrong, equal things together: a line for each kind with its number and an example."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

KINDS = 1000  # kept apart; what comes after them is only counted
# What differs where one thing is wrong in many places: numbers, ids, what is in quotes or brackets, paths.
PARTICULARS = re.compile(r"\[[^\]]*\]|'[^']*'|\"[^\"]*\"|\S*/\S*|\b[0-9a-f]{8,}\b|\d+(\.\d+)?")


@dataclass
class Kind:
    example: str  # the first, with where it was
    number: int = 0
    places: int = 0
    last: str = field(default="", repr=False)

    def __str__(self) -> str:
        if self.number == 1:
            return self.example
        where = f", in {self.places} files" if self.places != self.number else ""
        return f"{self.example}   ({self.number} like this{where})"


class Findings:
    def __init__(self) -> None:
        self.number = 0
        self._kinds: dict[str, Kind] = {}
        self._beyond = 0

    def add(self, where: str, problem: str) -> None:
        self.number += 1
        name = PARTICULARS.sub("#", problem)
        if name not in self._kinds and len(self._kinds) >= KINDS:
            self._beyond += 1
            return
        kind = self._kinds.setdefault(name, Kind(f"{where}: {problem}" if where else problem))
        kind.number += 1
        kind.places += kind.last != where
        kind.last = where

    def lines(self, most: int) -> Iterator[str]:
        """The kinds in the order in which they were met."""
        kinds = list(self._kinds.values())
        for kind in kinds[:most]:
            yield str(kind)
        left = sum(kind.number for kind in kinds[most:]) + self._beyond
        if left:
            yield f"and {left} more of other kinds"
