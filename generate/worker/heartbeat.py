"""A worker's own word on how it is doing, and the refreshing of its claims; in a thread, never waiting for the GPU."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from labelyard.generate.file_system import patiently
from labelyard.generate.run_folder.claims import HEARTBEAT, Owner
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.workers import where
from labelyard.utils.atomic import write_atomic
from labelyard.utils.jsons import dump
from labelyard.utils.redact import redacted

if TYPE_CHECKING:
    from labelyard.generate.worker.loop import Worker

FIRST_BEAT = 2.0  # seconds; then ever longer, up to HEARTBEAT: who has just begun is looked at most


class Presence:
    """workers/<worker>.json: its state (starting, working, finished, stopped, failed), and since when."""

    def __init__(self, folder: RunFolder, owner: Owner) -> None:
        self.path = folder.workers / f"{owner.worker}.json"
        self._state: dict[str, Any] = {
            **asdict(owner),
            **where(),
            "began": round(time.time(), 3),
        }
        self._worker: Worker | None = None
        self._heard = False  # whether a beat came while it worked
        self._end = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._beat, name="presence", daemon=True)
        patiently(partial(self.say, "starting"), folder.path)
        self._thread.start()

    def watch(self, worker: Worker) -> None:
        self._worker = worker
        self._state["working_since"] = round(time.time(), 3)
        patiently(partial(self.say, "working"), self.path)

    def say(self, state: str, reason: str = "") -> None:
        """Write the state down. A worker's own counts go with it."""
        with self._lock:
            self._state["state"] = state
            self._state["reason"] = redacted(reason)
            if self._worker is not None:
                tally = self._worker.tally
                self._state.update(done=tally.done, failed=tally.failed)
                self._state.update(rate=rounded(tally.per_second()), overdue=rounded(tally.overdue()))
                if used := self._worker.used():
                    self._state["used"] = used
            self._state["at"] = round(time.time(), 3)
            write_atomic(self.path, dump(self._state), sync=False)

    def tell_used(self) -> None:
        """What steps have used is said before the next beat: others must know it, and a kill would lose it."""
        if self._worker is not None:
            with suppress(OSError):
                self.say(self._state["state"])

    def end(self, state: str, reason: str = "") -> None:
        self._end.set()
        self._thread.join(timeout=HEARTBEAT)  # it may hang in a dead file system
        with suppress(OSError):  # on a full disk the exit code and the log have to do
            self.say(state, reason)

    def _beat(self) -> None:
        pause = FIRST_BEAT
        while not self._end.wait(pause):
            pause = min(2 * pause, HEARTBEAT)
            if self._worker is not None and not self._heard:
                pause, self._heard = FIRST_BEAT, True
            try:
                if self._worker is not None:
                    self._worker.claims.refresh()
                self.say(self._state["state"])
            except OSError as error:
                # A file server that is away for a while must not end the beating for good, nor a full disk seem death.
                with suppress(OSError):
                    os.utime(self.path)
                print(f"presence: {error}; trying again in {pause:g} s", flush=True)


def rounded(number: float | None) -> float | None:
    return None if number is None else float(f"{number:.4g}")
