"""The kinds of errors: an item's, a passing one, one that ends the worker."""

from __future__ import annotations

from labelyard.utils.text import harmless


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

    def __str__(self) -> str:
        return harmless(super().__str__())


class AskedToStop(Exception):
    """The worker is asked to stop while a step waits for something. Nothing is marked; the run goes on from here."""


class BrokenDevice(FatalError):
    """The GPU failed under this process. Whether one of the items did it is not known, so each counts as tried."""
