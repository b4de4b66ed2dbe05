"""The three kinds of error (see docs/failures.md): of an item, passing, fatal."""

from __future__ import annotations

import errno
import os

from utils.text import harmless

# What a file system says when it is unwell, not when the file is.
UNWELL = {
    errno.EIO,
    errno.ESTALE,
    errno.ETIMEDOUT,
    errno.EAGAIN,
    errno.ENOMEM,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOTCONN,
    errno.ECONNABORTED,
    errno.EHOSTDOWN,
    errno.EREMOTEIO,
}
FULL = {
    errno.ENOSPC: "no space left",
    errno.EDQUOT: "the quota is used up",
    errno.EFBIG: "the file is too large",
}
REFUSED = {
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "no permission",
    errno.EPERM: "not permitted",
}
GONE = {errno.ENOENT, errno.ENOTDIR}
IN_THE_WAY = {errno.EISDIR}
FEW = 64  # files: others free and take some between the refusal and the look


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


class BrokenDevice(FatalError):
    """The GPU failed under this process. Whether one of the items did it is not known, so each counts as tried."""


def explained(error: OSError, place: str) -> Exception:
    """What the run folder's file system refuses is fatal, with what to do; other trouble stays what it is."""
    again = "run the same command again; nothing is lost"
    if lacks_inodes(error):
        return FatalError(
            f"{place}: no inodes left: there is space, but the file system takes no more files (df -i shows it). "
            f"Remove files, or use one that takes more, and {again}"
        )
    if error.errno in FULL:
        return FatalError(f"{place}: {FULL[error.errno]}. Make room and {again}")
    if error.errno in REFUSED:
        of = f" ({error.filename})" if error.filename is not None else ""
        return FatalError(f"{place}: {REFUSED[error.errno]}{of}. Mend it and {again}")
    if error.errno in IN_THE_WAY:
        seen = error.filename2 or error.filename or "what is there"
        return FatalError(f"{place}: {seen} is a folder, where a file belongs. Move it away and {again}")
    if error.errno in UNWELL:
        return FatalError(f"{place}: the file system is unwell ({error.strerror}). When it is back, {again}")
    if error.errno in GONE:
        return FatalError(f"{place}: {error.filename} is gone. Was the run folder moved or cleaned? Then {again}")
    return error


def lacks_inodes(error: OSError) -> bool:
    """Whether a new file was refused for want of inodes: the system's word for it is that of a full disk."""
    if error.errno != errno.ENOSPC or error.filename is None:  # in a file that is there only space can lack
        return False
    try:
        there = os.statvfs(os.path.dirname(error.filename) or b".")
    except OSError:
        return False
    return there.f_files > 0 and there.f_favail < FEW and there.f_bavail > 0
