"""The error a user can act on."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from labelyard.utils.text import harmless


class UserError(Exception):
    """Printed as it is, without a traceback: the value seen, the cause, and what to do next.

    The value seen may be anybody's, and a terminal is where it is printed.
    """

    def __str__(self) -> str:
        return harmless(super().__str__())


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that the user most likely meant, if there is a likely one."""
    found = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return found[0] if found else None
