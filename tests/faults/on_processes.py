"""Chaos among processes of this machine."""

from __future__ import annotations

import signal
import subprocess
import sys

from labelyard.generate.run_folder.layout import RunFolder
from tests.conftest import ROOT, command, environment
from tests.faults.place import Action, Place, send
from tests.faults.scene import Scene
from tests.support.processes import family


class OnProcesses(Place):
    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.driver: subprocess.Popen[bytes] | None = None
        self.extras: list[subprocess.Popen[bytes]] = []

    def start(self, seconds_each: float) -> bool:
        if self.driver is not None and self.driver.poll() is None:
            return False
        slow = (*self.scene.pace(seconds_each), "cluster.num_jobs=3")
        self.driver = subprocess.Popen(
            command(self.scene.program, *self.scene.arguments(self.scene.out, *slow)),
            env=environment(),
            stdout=self.scene.log,
            stderr=self.scene.log,
            start_new_session=True,
        )
        return True

    def finish(self) -> int:
        self.start(seconds_each=0.0)
        assert self.driver is not None
        return self.driver.wait()

    def processes(self) -> list[int]:
        found = [pid for pid in family(self.driver.pid) if pid != self.driver.pid] if self.driver else []
        return found + [extra.pid for extra in self.extras if extra.poll() is None]

    def end_all(self) -> None:
        for pid in self.processes():
            send(pid, signal.SIGKILL)
        if self.driver is not None:
            send(self.driver.pid, signal.SIGKILL)
            self.driver.wait()
        for extra in self.extras:
            extra.wait()
        self.extras = []

    def actions(self) -> dict[str, Action]:
        return {"driver": self._driver, "everybody": self.end_all, "extra": self._extra}

    def _driver(self) -> bool:
        return self.driver is not None and send(self.driver.pid, signal.SIGKILL)

    def _extra(self) -> bool:
        """A worker more, by hand."""
        begun = [run for run in self.scene.runs() if RunFolder(run).run_json.exists()]
        if len(self.processes()) >= 6 or not begun:
            return False
        out = begun[-1]
        by_hand = [sys.executable, str(ROOT / "generate"), str(out)]
        log = self.scene.log
        self.extras.append(subprocess.Popen(by_hand, env=environment(), cwd=ROOT, stdout=log, stderr=log))
        return True
