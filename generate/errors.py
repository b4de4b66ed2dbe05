"""The three kinds of error (see docs/failures.md): of an item, passing, fatal."""

from __future__ import annotations


class ItemError(Exception):
    """One item can't be processed; it is quarantined with this reason and the others go on."""

    def __init__(self, reason: str, item_id: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.item_id = item_id


class PassingError(Exception):
    """It may go well at the next try or with a smaller batch: memory, I/O. Nothing is marked."""


class FatalError(Exception):
    """No item can go well: a bad checkpoint, a full disk, no permission. The worker stops; nothing is marked."""


class BrokenDevice(FatalError):
    """The GPU failed under this process. Whether one of the items did it is not known, so each counts as tried."""
