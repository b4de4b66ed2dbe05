"""Claims: a worker's marks on the shards it works on. They save double work; correctness never rests on them."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.utils.atomic import TRIES, server_clock, temporary_beside, write_new
from labelyard.utils.faults import point
from labelyard.utils.processes import start_time

HEARTBEAT = 20.0  # seconds between two refreshings of a claim
STALE_AFTER = 180.0  # a claim not refreshed for so long is given up for dead
CLOCK_HOLDS = 5.0  # seconds for which the file server's clock need not be asked again


@dataclass(frozen=True)
class Owner:
    """Enough about a process to tell, from the same machine, whether it still runs."""

    worker: str
    task: str  # what stays the same when SLURM starts the same array task again; else empty
    host: str
    pid: int
    started: str  # tells the process from a later one with the same pid
    machine: str  # this boot of this machine, and the process namespace in it

    @classmethod
    def here(cls, worker: str, task: str = "") -> Owner:
        return cls(worker, task, socket.gethostname(), os.getpid(), start_time(os.getpid()) or "", _machine())

    def is_gone(self) -> bool:
        """True only if this machine can tell; of another machine's processes it knows nothing."""
        return self.is_here() and start_time(self.pid) != self.started

    def is_here(self) -> bool:
        """Of this machine, since it was last started."""
        return bool(self.machine) and self.machine == _machine() and self.host == socket.gethostname()


class Claims:
    """A worker's own file beside the claims is its hand; each of its claims is one more link to it.

    So claiming is one operation of the file server, and so is refreshing, however many claims there are. A link is
    exclusive on every file system that has links, NFS included, and never shows a half-written file.
    """

    def __init__(self, folder: RunFolder, owner: Owner) -> None:
        self._folder = folder
        self._owner = owner
        self.held: set[int] = set()
        self._planning = False
        self._hand: Path | None = None
        self._hand_was_lost = False
        self._clock: tuple[float, float] | None = None  # the file server's time, and ours when we read it
        self._lock = threading.Lock()  # the refreshing has a thread of its own

    def taken(self) -> set[int]:
        """The shards that have a claim, dead or alive, by one listing of one folder."""
        return {int(name) for name in os.listdir(self._folder.claims) if name.isdigit()}

    def take(self, shard: int) -> bool:
        """Claim the shard, taking over from an owner that is gone; False if somebody works on it."""
        if not self._take(self._folder.claim(shard)):
            return False
        self.held.add(shard)
        return True

    def take_planning(self) -> bool:
        """The same for the planning of the run, which is one process's affair at a time."""
        self._planning = self._take(self._folder.claim_of_planning)
        return self._planning

    def _take(self, path: Path) -> bool:
        if self._link(path):
            return True
        owner = _read(path)
        # NFS may lose the answer to a link that it made and then refuse the repeated request.
        return owner == self._owner or (self._dead(path, owner) and self._take_over(path, owner))

    def _link(self, path: Path) -> bool:
        for left in reversed(range(TRIES)):
            hand = self._raised()
            point("rename")
            try:
                os.link(hand, path)
            except FileExistsError:
                return False
            except FileNotFoundError:  # somebody swept our hand away
                self._lose()
                if not left or not path.parent.exists():
                    raise
            else:
                point("renamed")
                return True
        raise AssertionError("the last try returns or raises")

    def _raised(self) -> Path:
        with self._lock:
            if self._hand is None:
                hand = temporary_beside(self._folder.claims / self._owner.worker)
                write_new(hand, json.dumps(asdict(self._owner)).encode(), sync=True)
                self._hand = hand
            return self._hand

    def _lose(self) -> None:
        with self._lock:
            self._hand, self._hand_was_lost = None, True

    def free(self, shard: int) -> None:
        self.held.discard(shard)
        self._free(self._folder.claim(shard))

    def _free(self, path: Path) -> None:
        if _read(path) == self._owner:
            path.unlink(missing_ok=True)

    def refresh(self) -> None:
        """Say that we live, with the file server's clock: utime without a time leaves the choice to the server."""
        paths = self._paths()
        if not paths:
            return
        try:
            os.utime(self._raised())
        except FileNotFoundError:
            self._lose()
        for path in paths if self._hand_was_lost else ():  # some of them are links to an earlier hand
            try:
                os.utime(path)
            except FileNotFoundError:
                continue  # taken over while this process slept; two workers on one shard do no harm

    def seconds_until_stale(self, shard: int) -> float | None:
        """How long until the shard's claim may be taken over; 0 if now, None if its owner seems to live."""
        path = self._folder.claim(shard)
        owner = _read(path)
        if owner is not None and (self._was_ours(owner) or owner.is_gone()):
            return 0.0
        age = self._age(path)
        if age is None:
            return 0.0
        return None if age < 2 * HEARTBEAT else max(0.0, STALE_AFTER - age)

    def _dead(self, path: Path, owner: Owner | None) -> bool:
        if owner is not None and (self._was_ours(owner) or owner.is_gone()):
            return True
        age = self._age(path)
        return age is not None and age > STALE_AFTER

    def _was_ours(self, owner: Owner) -> bool:
        """An earlier life of this array task: SLURM runs a task once at a time.

        Several processes that one batch script starts look like one task; of them this machine can tell who lives.
        """
        if not owner.task or owner.task != self._owner.task or owner.worker == self._owner.worker:
            return False
        return owner.is_gone() or not owner.is_here()

    def _take_over(self, path: Path, dead: Owner | None) -> bool:
        if _read(path) != dead:
            return False  # another was faster
        # Moved aside and not deleted: of two that want it, only one finds something to move.
        aside = temporary_beside(path)
        try:
            os.rename(path, aside)
        except FileNotFoundError:
            return self._link(path)
        if _read(aside) != dead:
            # Another was faster, and what was moved is its claim, which lives: back with it.
            with suppress(FileExistsError):
                os.link(aside, path)
            aside.unlink(missing_ok=True)
            return False
        aside.unlink(missing_ok=True)
        return self._link(path)

    def _age(self, path: Path) -> float | None:
        """Seconds since the claim was refreshed, both ends read off the file server's clock; None if it is gone."""
        now = self._now()
        try:
            return now - path.stat().st_mtime
        except FileNotFoundError:
            return None

    def _now(self) -> float:
        """The file server's time. Between two questions our own clock tells how much has passed."""
        for left in reversed(range(TRIES)):
            began = time.monotonic()
            if self._clock is not None and began - self._clock[1] < CLOCK_HOLDS:
                break
            hand = self._raised()
            try:
                os.utime(hand)
                self._clock = hand.stat().st_mtime, began
            except FileNotFoundError:
                self._lose()
                if not left:
                    raise
        assert self._clock is not None
        return self._clock[0] + time.monotonic() - self._clock[1]

    def _paths(self) -> list[Path]:
        paths = [self._folder.claim(shard) for shard in tuple(self.held)]
        return [*paths, self._folder.claim_of_planning] if self._planning else paths

    def close(self) -> None:
        for path in self._paths():
            self._free(path)
        self.held.clear()
        with self._lock:
            if self._hand is not None:
                self._hand.unlink(missing_ok=True)
            self._hand = None


def at_work(folder: RunFolder) -> Counter[Owner]:
    """Whoever lives and has claims on shards that are not finished, and how many."""
    found: Counter[Owner] = Counter()
    taken = {int(name) for name in os.listdir(folder.claims) if name.isdigit()}  # first: then look what is finished
    left = taken - folder.finished()
    now = server_clock(folder.claims) if left else 0.0
    for path in map(folder.claim, sorted(left)):
        owner = _read(path)
        with suppress(FileNotFoundError):
            if owner is not None and not owner.is_gone() and now - path.stat().st_mtime < STALE_AFTER:
                found[owner] += 1
    return found


def owner_of(folder: RunFolder, shard: int) -> Owner | None:
    return _read(folder.claim(shard))


def _read(path: Path) -> Owner | None:
    try:
        return Owner(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None  # gone, or not written by this version: its age decides


@cache
def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}-{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return ""
