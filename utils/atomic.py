"""Files that others read appear whole or not at all.

Every write goes to a temporary name of its own in the same folder, is flushed to the disk, and takes its final name in
one rename. Temporary names start with a dot, so that no listing takes them for results, and carry host, process and a
random mark, so that two writers never share one. A killed writer leaves its temporary file behind; `sweep` removes it.
"""

from __future__ import annotations

import itertools
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO

from labelyard.utils.faults import point
from labelyard.utils.processes import start_time

SUFFIX = ".tmp"
TRIES = 3  # a sweep that takes a living writer's temporary file costs it one try

_count = itertools.count()
_host = socket.gethostname()
_mark = secrets.token_hex(4)  # hosts and processes may have equal names in containers


def temporary_beside(path: Path) -> Path:
    # The final name is cut: with all that is added, the sum must stay below the 255 bytes that file systems allow.
    name = os.fsdecode(os.fsencode(path.name)[:80])
    return path.with_name(f".{name}.~{_host[:40]}~{os.getpid()}~{_mark}{next(_count)}{SUFFIX}")


Held = AbstractContextManager[object]
NOTHING: Held = nullcontext()


def write_atomic(path: Path, data: bytes, sync: bool = True, sync_name: bool = True, naming: Held = NOTHING) -> None:
    """`sync_name=False`: who calls syncs the folder before anything relies on the name.

    `naming` is held while the file gets its names. Threads that write into one folder share a lock: the kernel lets one
    at a time into it, and who waits there spins.
    """
    for left in reversed(range(TRIES)):
        temporary = temporary_beside(path)
        try:
            write_new(temporary, data, sync, naming)
            point("rename")
            with naming:
                os.replace(temporary, path)
            break
        except BaseException as error:
            swept = isinstance(error, FileNotFoundError) and path.parent.exists()
            temporary.unlink(missing_ok=True)
            if not swept or not left:
                raise
    point("renamed")
    if sync and sync_name:
        sync_folder(path.parent)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file, written piece by piece, that takes `path`'s place if the block ends well; else it leaves no trace."""
    temporary = temporary_beside(path)
    try:
        with temporary.open("xb") as file:
            yield file
            point("write", file.flush)
            file.flush()
            os.fsync(file.fileno())
        point("rename")
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    point("renamed")
    sync_folder(path.parent)


def sweep(folder: Path, dead: Callable[[Path], bool]) -> int:
    """Remove the temporary files in `folder` whose writers are dead; how many there were.

    To take a living writer's file by mistake does no harm: it writes once more.
    """
    found = 0
    for path in temporaries(folder):
        if dead(path):
            path.unlink(missing_ok=True)
            found += 1
    return found


def temporaries(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in os.listdir(folder) if is_temporary(name)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def is_temporary(name: str) -> bool:
    return name.startswith(".") and name.endswith(SUFFIX)


def writer_is_gone(path: Path) -> bool:
    """True if the temporary file is of a process of this machine that has ended."""
    parts = path.name.rpartition(".~")[2].removesuffix(SUFFIX).split("~")
    if len(parts) != 3 or parts[0] != _host[:40] or not parts[1].isdigit() or not Path("/proc/self").exists():
        return False
    pid = int(parts[1])
    return start_time(pid) is None or (pid == os.getpid() and not parts[2].startswith(_mark))


def server_clock(folder: Path) -> float:
    """The time by the clock of the server that keeps `folder`; this host's where nothing may be written there."""
    probe = temporary_beside(folder / "clock")
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError:
        return time.time()
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


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


def sync_file_system(folder: Path) -> None:
    """The same for everything on `folder`'s file system: one call instead of one for each of thousands of files."""
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "syncfs"):  # not Linux
        os.sync()
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if library.syncfs(descriptor):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(descriptor)


def write_new(path: Path, data: bytes, sync: bool, naming: Held = NOTHING) -> None:
    """A file under a name that nobody else uses."""
    with naming:
        file = open(path, "xb")  # noqa: SIM115
    with file:
        point("write", lambda: os.write(file.fileno(), data[: len(data) // 2]))
        file.write(data)
        if sync:
            file.flush()
            os.fsync(file.fileno())
