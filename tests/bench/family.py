"""All processes that a command has started, however they have gone apart: what they use, and their end."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

MARK = "PEERS_FAMILY"  # in the environment of each, which a child takes over
TICKS = os.sysconf("SC_CLK_TCK")
EVERY = 0.05  # seconds between two looks
MEMORY_EVERY = 10  # looks; to ask for it takes the kernel a while


@dataclass
class Used:
    wall: float = 0.0
    cpu: float = 0.0
    peak_mb: float = 0.0  # of all together; what they share counts once
    first: float | None = None  # seconds until `begun` was true
    code: int | None = None  # None: it was killed, since it took longer than `patience` or since `enough` was true
    _by_process: dict[int, float] = field(default_factory=dict)


def run(
    command: Sequence[str],
    environment: Mapping[str, str],
    log: Path,
    *,
    begun: Callable[[], bool],
    enough: Callable[[], bool] = lambda: False,
    patience: float,
) -> Used:
    """The command to its end; or until `enough` is true, when all of them are killed at once."""
    mark, used, began, looks = secrets.token_hex(8), Used(), time.perf_counter(), 0
    with log.open("ab") as told:
        process = subprocess.Popen(command, env={**environment, MARK: mark}, stdout=told, stderr=told)
    known: dict[int, bool] = {}
    try:
        while True:
            ended = process.poll()
            _look(_members(mark, known), used, memory=looks % MEMORY_EVERY == 0)
            looks += 1
            used.wall = time.perf_counter() - began
            if used.first is None and begun():
                used.first = used.wall
            if ended is not None or enough() or used.wall > patience:
                break
            time.sleep(EVERY)
        used.code = ended
    finally:
        _end(mark, process)
    used.cpu = sum(used._by_process.values())
    return used


def _end(mark: str, process: subprocess.Popen[bytes]) -> None:
    while members := _members(mark, {}):
        for member in members:
            with suppress(ProcessLookupError):
                os.kill(member, signal.SIGKILL)
        process.poll()
        time.sleep(EVERY)
    process.wait()


def _members(mark: str, known: dict[int, bool]) -> list[int]:
    """Zombies are none."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    for pid in pids:
        if pid not in known:
            known[pid] = _is_marked(pid, mark)
    return [pid for pid in pids if known[pid] and pid != os.getpid()]


def _is_marked(pid: int, mark: str) -> bool:
    try:
        return f"{MARK}={mark}".encode() in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False


def _look(members: list[int], used: Used, memory: bool) -> None:
    total = 0.0
    for pid in members:
        with suppress(OSError, ValueError, IndexError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            used._by_process[pid] = (int(fields[11]) + int(fields[12])) / TICKS
            if memory:
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
                total += int(rollup.partition("\nPss:")[2].split()[0]) / 1024
    used.peak_mb = max(used.peak_mb, total)
