"""Where the workers of a chaos run are, and what can happen to them there."""

from __future__ import annotations

import os
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable

from tests.faults.scene import Scene

Action = Callable[[], object]  # False: there was nothing to do it to


class Place(ABC):
    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.chance = scene.chance

    @abstractmethod
    def start(self, seconds_each: float) -> bool:
        """Start the run, or go on with it, if nobody is at it; whether it was started."""

    @abstractmethod
    def finish(self) -> int:
        """Let it come to its end; the exit code of run.py."""

    @abstractmethod
    def processes(self) -> list[int]:
        """Everybody who is at work on the run."""

    @abstractmethod
    def end_all(self) -> None:
        """Afterwards nobody is at work."""

    @abstractmethod
    def actions(self) -> dict[str, Action]:
        """What can happen to workers here, beside what can happen to processes anywhere."""

    def close(self) -> None:
        self.end_all()

    def of_processes(self) -> dict[str, Action]:
        return {
            "kill": lambda: self.signal_one(signal.SIGKILL),
            "term": lambda: self.signal_one(signal.SIGTERM),
            "usr2": lambda: self.signal_one(signal.SIGUSR2),
            "pause": self.pause,
        }

    def signal_one(self, number: int) -> bool:
        pids = self.processes()
        return bool(pids) and send(self.chance.choice(pids), number)

    def pause(self) -> bool:
        pids = self.processes()
        for pid in self.chance.sample(pids, min(2, len(pids))):
            send(pid, signal.SIGSTOP)
            time.sleep(self.chance.uniform(0, 0.3))
            send(pid, signal.SIGCONT)
        return bool(pids)


def send(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True
