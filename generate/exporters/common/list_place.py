"""Where a list of records may be written: never over something else, and never over another's list."""

from __future__ import annotations

import os
from pathlib import Path

from labelyard.utils.errors import UserError

LONGEST = 1 << 16  # bytes of a line that may be a path


def refuse_others(place: Path, records: Path) -> None:
    """A list of the records below `records` may replace an earlier one of them, and an empty file."""
    if place.is_dir():
        raise UserError(f"{place} is a folder; a train list is a file, for example {place / 'train.txt'}")
    if not place.exists():
        return
    if not place.is_file():
        raise UserError(f"{place} is no plain file. Give the list another place")
    with place.open("rb") as file:
        first = next(iter(file.readline(LONGEST).splitlines()), b"")
    if first.strip() and not _names_one_of(records, os.fsdecode(first), place.parent):
        raise UserError(
            f"{place} is there, and no list of the records in {records}: it begins with {os.fsdecode(first[:80])!r}. "
            "Nothing was written. Give the list another place, or move that file away"
        )


def _names_one_of(records: Path, line: str, beside: Path) -> bool:
    """Whether the line is a record's path: absolute, or as seen from the list's folder, or from here."""
    if not line.endswith(".json") or "\0" in line:
        return False
    return any((start / line).resolve().is_relative_to(records.resolve()) for start in (beside, Path.cwd()))
