"""A file system that is unwell for a moment (a stale handle, a server that fails over) is asked again."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from labelyard.generate.errors import UNWELL, explained

PATIENCE = (1.0, 5.0, 15.0)  # seconds before it is asked again

Answer = TypeVar("Answer")


def patiently(call: Callable[[], Answer], place: Path) -> Answer:
    """What `call` returns, which may be called several times; a full or refusing file system is fatal at once."""
    for pause in (*PATIENCE, None):
        try:
            return call()
        except OSError as error:
            if error.errno not in UNWELL or pause is None:
                raise explained(error, place) from error
        time.sleep(pause)
    raise AssertionError("the last try returns or raises")
