"""YAML as Dataflow-Gen's documents print it, which is none: a step's `name:` stands left of its `type:`, a blank is
missing behind a dash, steps of one list begin in different columns.

Only what is indented wrongly in a list of steps is mended, line by line, so that a line keeps its number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

OF_A_STEP = "type|name|config"
FIRST_LINE = re.compile(rf"(?P<before>\s*)-(?P<blanks>\s*)(?P<rest>(?:{OF_A_STEP})\s*:.*)", re.S)


@dataclass(frozen=True)
class Mended:
    text: str
    notes: tuple[str, ...]  # what was mended, in words


def mended(text: str) -> Mended:
    lines: list[str] = []
    notes: list[str] = []
    steps = _Steps()
    for number, line in enumerate(text.splitlines(), 1):
        new, why = steps.read(line)
        lines.append(new)
        if why:
            notes.append(f"line {number}: {why}")
    return Mended("\n".join(lines) + "\n", tuple(notes))


class _Steps:
    """Where the steps of a list stand, and by how much the lines of the step that is being read are moved."""

    def __init__(self) -> None:
        self._list: int | None = None  # the column of the dashes
        self._own = 0  # the column of this step's dash, as it was written
        self._shift: int | None = None  # of the lines below a step's first; None: not known yet
        self._inside = False

    def read(self, line: str) -> tuple[str, str]:
        first = FIRST_LINE.fullmatch(line)
        if first is not None:
            return self._first(first)
        bare = line.lstrip(" ")
        if not self._inside or not bare or bare.startswith("#"):
            return line, ""
        column = len(line) - len(bare)
        if self._is_behind(column, bare):
            self._inside, self._list = False, None
            return line, ""
        return self._below(column, bare)

    def _first(self, found: re.Match[str]) -> tuple[str, str]:
        column = len(found["before"])
        why = []
        if self._list is None:
            self._list = column
        elif column != self._list:
            why.append(f"the step begins in column {column + 1}, and those before it in column {self._list + 1}")
        if not found["blanks"]:
            why.append("a blank is missing behind the dash")
        self._inside, self._shift, self._own = True, None, column
        return f"{' ' * self._list}- {found['rest']}", "; ".join(why)

    def _is_behind(self, column: int, bare: str) -> bool:
        assert self._list is not None
        return column < self._list or (column == 0 and not bare.startswith("-"))

    def _below(self, column: int, bare: str) -> tuple[str, str]:
        assert self._list is not None
        why = ""
        if self._shift is None:
            self._shift = self._list + 2 - column
            if column != self._own + 2:
                key = bare.partition(":")[0]
                why = f"'{key}:' does not stand under the first key of its step; it is taken for the step's own"
        return " " * max(0, column + self._shift) + bare, why
