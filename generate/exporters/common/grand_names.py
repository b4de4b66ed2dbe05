"""Names for pictures in an export: their own, unless another record's has got it."""

from __future__ import annotations

import posixpath

from labelyard.generate.exporter import Labels
from labelyard.generate.record_json.finished import Finished
from labelyard.utils.text import safe_stem

LONGEST = 511  # bytes of a key, as LMDB is built
LONGEST_PART = 255  # of a file's name, as file systems allow


def own_name(record: Finished, whole: bool) -> str:
    """The picture's file name; `whole`: with the folders below which it lies. What a list of lines or a file system
    can't hold becomes harmless."""
    location = record.item.image.replace("\\", "/")
    location = location.rpartition("#")[2] if record.item.place else location
    name = posixpath.normpath(location)
    if not whole or name.startswith(("/", "../", "~")) or "://" in name:
        name = posixpath.basename(name)
    return name if _is_plain(name) else f"{safe_stem(location)}-{record.item.id}{posixpath.splitext(location)[1]}"


def _is_plain(name: str) -> bool:
    if not name.isprintable() or name != name.strip() or name in ("", ".", ".."):
        return False
    return len(name.encode()) <= LONGEST and all(len(part.encode()) <= LONGEST_PART for part in name.split("/"))


def free_name(record: Finished, whole: bool, names: Labels, ending: str | None = None) -> str:
    """One that no record before it has; names are numbered like labels, so that parts know of each other's. `ending`:
    which files it is to become; else what stands before the picture's own."""
    name = own_name(record, whole)
    stem, own_ending = posixpath.splitext(name)
    ending = own_ending if ending is None else ending
    stem = f"{stem}-{record.item.id}" if names.has(stem) else stem
    names.number(stem)
    return stem + ending
