"""Files that others read appear whole or not at all.

Every write goes to a temporary name of its own in the same folder, is flushed to the disk, and takes its final name in
one rename. Temporary names start with a dot, so that no listing takes them for results, and carry host, process and a
counter, so that two writers never share one.
"""

from __future__ import annotations

import itertools
import os
import socket
import threading
from pathlib import Path

_count = itertools.count()
_host = socket.gethostname()


def temporary_beside(path: Path) -> Path:
    # The final name is cut: with all that is added, the sum must stay below the 255 bytes that file systems allow.
    unique = f"{_host[:40]}-{os.getpid()}-{threading.get_ident() % 100000}-{next(_count)}"
    return path.with_name(f".{path.name[:80]}.{unique}.tmp")


def write_atomic(path: Path, data: bytes, sync: bool = True) -> None:
    temporary = temporary_beside(path)
    try:
        _write(temporary, data, sync)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if sync:
        sync_folder(path.parent)


def create_exclusive(path: Path, data: bytes) -> bool:
    """Create `path` with all of `data` in it, unless it exists; say whether we were the one.

    A link from a complete temporary file is exclusive on every file system that has links, NFS included, and never
    shows a half-written file as O_EXCL with a write behind it would.
    """
    temporary = temporary_beside(path)
    try:
        _write(temporary, data, sync=True)
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


def sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut, where the file system can do that."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        # Some network file systems refuse to sync folders; they make renames durable by themselves.
        return
    finally:
        os.close(descriptor)


def _write(path: Path, data: bytes, sync: bool) -> None:
    with open(path, "xb") as file:
        file.write(data)
        if sync:
            file.flush()
            os.fsync(file.fileno())
