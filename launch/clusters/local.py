"""Workers as processes on this machine, one per GPU, with progress while they run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from generate.__main__ import FAILED as WORKER_FAILED
from generate.__main__ import FINISHED, STOPPED
from generate.errors import explained
from generate.lives import got_somewhere
from generate.presence import read_presence
from generate.run_folder import RunFolder
from generate.settings import setting
from launch.bar import Bar
from launch.cluster import FAILED, INTERRUPTED, Cluster, Start, exit_code
from launch.merge import merge
from launch.progress import Watch
from launch.summary import short, summary
from utils.atomic import write_atomic

ROOT = Path(__file__).resolve().parent.parent.parent
COULD_NOT_SAY = 120  # Python's own, where the last words did not fit on the disk
# A worker that vanished so often in a row without finishing an item stays down. One more than `work.max_attempts`: the
# life after the last attempt at a killer image is the one that quarantines it.
LIVES_WITHOUT_PROGRESS = 4
MOST_WORKERS = 1024


@dataclass(kw_only=True)
class Local(Cluster):
    num_jobs: int | None = setting(None, least=1, most=MOST_WORKERS)  # by default one per GPU, else one per two cores

    def workers(self) -> int:
        return self.num_jobs or len(visible_gpus()) or max(1, cores() // 2)

    def describe(self, folder: RunFolder) -> list[str]:
        gpus = visible_gpus()
        place = f"sharing GPUs {', '.join(gpus)}" if gpus else "on the CPU"
        number = self.workers()
        return [f"{number} worker{'s' if number > 1 else ''} on this machine, {place}"]

    def run(self, start: Start) -> int:
        slots = [Slot(number, start) for number in range(self.workers())]
        asked: list[int] = []

        def on_signal(number: int, frame: FrameType | None) -> None:
            asked.append(number)
            for slot in slots:
                slot.stop()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, on_signal)
        for slot in slots:
            slot.start(len(slots))
        _follow(start, slots, asked)
        try:
            merged = merge(start.folder)
            print(summary(start.folder, merged), flush=True)
        finally:  # also where the disk is too full for the merge
            for reason in dict.fromkeys(slot.reason for slot in slots if slot.reason):
                print(f"\nworkers failed: {reason}\nlogs         {short(start.folder.logs)}", file=sys.stderr)
        if asked:
            print("Stopped as asked. The same command goes on from here.", file=sys.stderr)
            return INTERRUPTED
        if any(slot.reason for slot in slots):
            return FAILED
        return exit_code(merged)


def _follow(start: Start, slots: list[Slot], asked: list[int]) -> None:
    """Until every worker has come to its end: show progress, and start again those that vanished."""
    watch = Watch(start.folder)
    with Bar() as bar:
        while True:
            running = [slot for slot in slots if slot.look(len(slots), bool(asked))]
            bar.show(watch.look())
            if not running:
                return
            deadline = time.monotonic() + 0.5
            while time.monotonic() < deadline and all(slot.alive for slot in running):
                time.sleep(0.02)


@dataclass
class Slot:
    """A place for one worker after another: what vanishes (a killer image, the kernel's memory killer) is replaced."""

    number: int
    run: Start
    reason: str = ""
    _process: subprocess.Popen[bytes] | None = None
    _fruitless: int = 0
    _ended_before: int = field(default=-1)

    def start(self, of: int) -> None:
        environment = os.environ.copy()
        gpus = visible_gpus()
        if gpus:
            environment["CUDA_VISIBLE_DEVICES"] = gpus[self.number % len(gpus)]
        environment.setdefault("OMP_NUM_THREADS", str(max(1, cores() // of)))
        environment["PYTHONPATH"] = os.pathsep.join(
            part for part in (str(ROOT), environment.get("PYTHONPATH", "")) if part
        )
        command = [sys.executable, "-m", "generate", str(self.run.folder.path)]
        command += ["--config", str(self.run.config), "--parent", str(os.getpid())]
        with self._log().open("ab") as log:
            # A session of its own: Ctrl-C reaches this process alone, which then asks each worker once.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        if self._process is not None and self.alive:
            self._process.terminate()

    def look(self, of: int, stopping: bool) -> bool:
        """True while there is a worker here; a vanished one is started again unless that has proved vain."""
        if self.alive:
            return True
        if self._process is None:
            return False
        code, pid = self._process.returncode, self._process.pid
        self._process = None
        if code in (FINISHED, STOPPED) or stopping:
            return False
        if code in (WORKER_FAILED, COULD_NOT_SAY):
            self.reason = self._last_words(pid)
            return False
        self._fruitless = 0 if self._finished_some(pid) else self._fruitless + 1
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        with suppress(OSError), self._log().open("a") as log:
            print(f"worker {self.number} (process {pid}) vanished: {how}", file=log)
        if self._fruitless >= LIVES_WITHOUT_PROGRESS:
            self.reason = (
                f"worker {self.number} vanished {self._fruitless} times in a row without finishing an item ({how}); "
                f"see {short(self._log())}"
            )
            return False
        self.start(of)
        return True

    def _log(self) -> Path:
        return self.run.folder.logs / f"local-{self.number}.log"

    def _last_words(self, pid: int) -> str:
        for state in read_presence(self.run.folder):
            if state["pid"] == pid and state["state"] == "failed":
                return str(state["reason"])
        try:  # a full disk leaves no last words
            write_atomic(self.run.folder.logs / "probe", bytes(1 << 20))
            (self.run.folder.logs / "probe").unlink()
        except OSError as error:
            return str(explained(error, self.run.folder.path))
        return f"worker {self.number} ended with exit code {WORKER_FAILED}; see {short(self._log())}"

    def _finished_some(self, pid: int) -> bool:
        folder = self.run.folder
        return any(got_somewhere(folder, state["worker"]) for state in read_presence(folder) if state["pid"] == pid)


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, found without loading torch."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [part for part in chosen.split(",") if part.strip() and part.strip() != "-1"]
    return sorted(
        (path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*")),
        key=lambda name: int(name),
    )
