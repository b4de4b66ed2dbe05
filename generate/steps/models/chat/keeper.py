"""Keeps a server for as long as whoever started it lives: python keeper.py COMMAND …

Whoever starts it holds its standard input open, and writes nothing: its end is the end of all that was started here, in
whatever way it came about. What the server has started, and left behind when it was killed, is ended too: orphans fall
to this process. Should this process itself be killed, the kernel ends the server. By the standard library alone.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
GRACE = 5.0  # seconds between asking and ending
PATIENCE = 20.0  # seconds for the last of them to end: one that hangs in a driver may never
LOOK = 0.1
FOR_THE_WORKER = (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def main(command: list[str]) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    parent, asked = os.getppid(), list[int]()
    for number in FOR_THE_WORKER:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))

    def in_the_child() -> None:
        for number in FOR_THE_WORKER:
            signal.signal(number, signal.SIG_DFL)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    try:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=in_the_child)
    except OSError as error:
        print(f"error: {command[0]}: {error.strerror}", flush=True)
        return 127
    while server.poll() is None and not asked and os.getppid() == parent:
        ready, _, _ = select.select([0], [], [], LOOK)
        if ready and not os.read(0, 1):
            break
    end(server)
    return server.returncode if server.returncode is None or server.returncode >= 0 else 128 - server.returncode


def end(server: subprocess.Popen[bytes]) -> None:
    """In order, if there is time for that; and then all that is left of what was started, orphans included."""
    if server.poll() is None:
        _signal_group(server.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            server.wait(timeout=GRACE)
    _signal_group(server.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        server.wait(timeout=PATIENCE)
    deadline = time.monotonic() + PATIENCE
    while (left := family(os.getpid())) and time.monotonic() < deadline:
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.02)


def _signal_group(leader: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def family(pid: int) -> list[int]:
    """The processes that descend from one, and are not dead."""
    children: dict[int, list[tuple[int, str]]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            children.setdefault(int(parent), []).append((int(folder.name), state))
    found, below = list[int](), [pid]
    while below:
        for child, state in children.get(below.pop(), []):
            below.append(child)
            if state != "Z":
                found.append(child)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
