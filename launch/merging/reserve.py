"""RUN/reserve: a few files and some bytes, taken while there is room; where none is left the train list gets them.

A file that is written whole or not at all needs room for a second one, and a full disk has none. What is done is worth
a list all the same.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from labelyard.generate.run_folder.layout import RunFolder

FILES = 8  # the merge writes four at a time beside the old ones, and sorts failures in one more
FIRST, PER_ITEM = 1 << 16, 300  # bytes: a path in train.txt, or a line of missing.jsonl
MOST = 16 << 20  # what a run may be asked to do without; of some fifty thousand items the list is sure, of more perhaps


def keep(folder: RunFolder, items: int) -> None:
    """Take it, unless it is there. A disk that has no room for it now will say so itself."""
    place = place_of(folder)
    size = min(FIRST + items * PER_ITEM, MOST)
    with suppress(OSError):
        folder.make_folder(place)
        if len(os.listdir(place)) == FILES and (place / "0").stat().st_size >= size:
            return
        (place / "0").write_bytes(bytes(size))
        for number in range(1, FILES):
            (place / str(number)).touch()


def give(folder: RunFolder) -> bool:
    """Let go of it; whether there was any."""
    place = place_of(folder)
    try:
        names = os.listdir(place)
    except OSError:
        return False
    with suppress(OSError):
        for name in names:
            (place / name).unlink(missing_ok=True)
        place.rmdir()
    return bool(names)


def helps(error: OSError) -> bool:
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def place_of(folder: RunFolder) -> Path:
    return folder.path / "reserve"
