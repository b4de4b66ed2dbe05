"""The kinds of errors: an item's, a passing one, one that ends the worker."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from labelyard.utils.text import harmless


class ItemError(Exception):
    """One item can't be processed; it is quarantined with this reason and the others go on."""

    def __init__(self, reason: str, item_id: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.item_id = item_id


class PassingError(Exception):
    """It may go well at the next try or with a smaller batch: memory, I/O. Nothing is marked."""


class Ending(Exception):
    """The worker ends, with nothing marked."""

    # Ids of the items that the step did not come to, where it would finish the others of the call if it were called for
    # them alone: their answers are there, and were paid for. Empty where it would not.
    left: frozenset[str] = frozenset()


class FatalError(Ending):
    """No item can go well: a bad checkpoint, a full disk, no permission. The worker stops; nothing is marked."""

    def __str__(self) -> str:
        return harmless(super().__str__())


class AskedToStop(Ending):
    """The worker is asked to stop while a step waits for something. Nothing is marked; the run goes on from here."""


class BrokenDevice(FatalError):
    """The GPU failed under this process. Whether one of the items did it is not known, so each counts as tried."""


End = TypeVar("End", bound=Ending)


def leaving(error: End, items: Iterable[str]) -> End:
    """The same, of a call that did not come to these items."""
    again = type(error)(*error.args)
    left = frozenset(items)
    again.left = left if "" not in left else frozenset()
    return again
