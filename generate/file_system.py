"""What a file system's errors mean, and patience with one that is unwell for a moment."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from labelyard.generate.errors import FatalError

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


def explained(error: OSError, *folders: str | os.PathLike[str]) -> Exception:
    """What a file system refuses is fatal, with what to do; other trouble stays what it is.

    It is told of the file that it is about: of `folders` (the run's, above all) only if that lies in one of them.
    """
    about = file_of(error)
    places = [os.path.abspath(folder) for folder in folders]
    place = next((place for place in places if about is None or _lies_in(about, place)), None)
    again = "run the same command again; nothing is lost"
    if place is None:
        return _of_another_place(error, again)
    if lacks_inodes(error):
        return FatalError(
            f"{place}: no inodes left: there is space, but the file system takes no more files (df -i shows it). "
            f"Remove files, or use one that takes more, and {again}"
        )
    if error.errno in FULL:
        return FatalError(f"{place}: {FULL[error.errno]}. Make room and {again}")
    if error.errno in REFUSED:
        of = f" ({about})" if about not in (None, place) else ""
        return FatalError(f"{place}: {REFUSED[error.errno]}{of}. Mend it and {again}")
    if error.errno in IN_THE_WAY:
        return FatalError(f"{place}: {about or 'what is there'} is a folder, where a file belongs. Move it and {again}")
    if error.errno in UNWELL:
        return FatalError(f"{place}: the file system is unwell ({error.strerror}). When it is back, {again}")
    if error.errno in GONE:
        return FatalError(f"{place}: {about} is gone. Was the run folder moved or cleaned? Then {again}")
    return error


def _of_another_place(error: OSError, again: str) -> Exception:
    if error.errno in FULL:
        return FatalError(f"{file_of(error)}: {FULL[error.errno]}. Make room and {again}")
    if error.errno in UNWELL | REFUSED.keys() | IN_THE_WAY | GONE:
        return FatalError(f"{in_words(error)}. Mend it and {again}")
    return error


def in_words(error: OSError) -> str:
    """The file and what is wrong with it."""
    about = file_of(error)
    if about is None:
        return error.strerror or str(error)
    if error.errno in GONE and os.path.islink(about):
        return f"{about}: a link that leads nowhere, to {os.fsdecode(os.readlink(about))}"
    return f"{about}: {REFUSED.get(error.errno or 0) or error.strerror}"


def file_of(error: OSError) -> str | None:
    """The file that it is about, where the system has said so."""
    name = error.filename2 or error.filename  # of a renaming the second: there it was to go
    return os.path.abspath(os.fsdecode(name)) if isinstance(name, str | bytes | os.PathLike) else None


def _lies_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(os.path.join(folder, ""))


def lacks_inodes(error: OSError) -> bool:
    """Whether a new file was refused for want of inodes: the system's word for it is that of a full disk."""
    if error.errno != errno.ENOSPC or error.filename is None:  # in a file that is there only space can lack
        return False
    try:
        there = os.statvfs(os.path.dirname(error.filename) or b".")
    except OSError:
        return False
    return there.f_files > 0 and there.f_favail < FEW and there.f_bavail > 0


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
