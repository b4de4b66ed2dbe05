"""Places where a test can make this process die, or its disk refuse. LABELYARD_FAULT arms one; unset, it costs nothing.

write:17           SIGKILL in the middle of the 17th file that this process writes
rename:3           … just before the 3rd file takes its final name
renamed:3          … just after it
journal:9          … in the middle of the 9th journal line
write:17:ENOSPC    instead of dying, the 17th write and every one after it is answered 'no space left'
read:2:ESTALE:once only the 2nd reading of an image is answered so, the others go well
read:2:HANG        the 2nd reading of an image never comes back
rename:3:STOP:once just before the 3rd rename the process is stopped, as by Ctrl-Z, until somebody continues it
"""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

VARIABLE = "LABELYARD_FAULT"


@dataclass(frozen=True)
class Fault:
    kind: str
    number: int
    how: str = "KILL"
    once: bool = False

    @classmethod
    def parse(cls, text: str) -> Fault | None:
        if not text:
            return None
        kind, number, *rest = text.split(":")
        return cls(kind, int(number), rest[0] if rest else "KILL", rest[1:] == ["once"])

    def hits(self, kind: str, count: int) -> bool:
        if kind == self.kind and (count == self.number or (count > self.number and not self.once)):
            return True
        # A full disk is full for whatever is written.
        refuses = _struck and self.how not in ("KILL", "STOP") and not self.once
        return refuses and {kind, self.kind} <= {"write", "journal"}


_armed: Fault | None = None
_struck = False
_counts: Counter[str] = Counter()
_lock = threading.Lock()


def arm(text: str) -> None:
    """Begin to count anew. Also what a process forked by a test calls."""
    global _armed, _struck
    _armed, _struck = Fault.parse(text), False
    _counts.clear()


def point(kind: str, half_done: Callable[[], object] | None = None) -> None:
    """A place where things can go wrong. `half_done` leaves what a process leaves that dies in the middle."""
    if _armed is not None:
        _strike(_armed, kind, half_done)


def _strike(fault: Fault, kind: str, half_done: Callable[[], object] | None) -> None:
    global _struck
    with _lock:
        _counts[kind] += 1
        if not fault.hits(kind, _counts[kind]):
            return
        _struck = True
    if fault.how == "HANG":
        threading.Event().wait()
    if half_done is not None:
        half_done()
    if fault.how == "STOP":
        os.kill(os.getpid(), signal.SIGSTOP)
        return
    if fault.how == "KILL":
        os.kill(os.getpid(), signal.SIGKILL)
    number = getattr(errno, fault.how)
    raise OSError(number, os.strerror(number))


arm(os.environ.get(VARIABLE, ""))
