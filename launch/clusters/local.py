"""Workers as processes on this machine, each with a GPU of its own, with progress while they run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from labelyard.generate.file_system import explained
from labelyard.generate.run_folder.claims import STALE_AFTER
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.standing import is_complete
from labelyard.generate.run_folder.workers import read_presence
from labelyard.generate.settings import setting
from labelyard.generate.worker import exit_codes as ended
from labelyard.generate.worker.task_history import got_somewhere
from labelyard.generate.worker.vigil import Vigil
from labelyard.launch.clusters.base import Cluster, Start, exit_code, visible_gpus
from labelyard.launch.exit_codes import FAILED, INTERRUPTED
from labelyard.launch.merging.merge import merge
from labelyard.launch.merging.summary import short, summary
from labelyard.launch.watching.progress import Watch, duration
from labelyard.launch.watching.terminal import Bar
from labelyard.launch.watching.workers import SILENT_AFTER, WorkerSeen
from labelyard.utils.atomic import write_atomic
from labelyard.utils.errors import UserError

# By its path: with -m python would look into the folder of the user first, and find a utils or a conf of theirs.
WORKER = Path(__file__).resolve().parents[2] / "generate" / "__main__.py"
HANGS = 5.0  # seconds in which a process that is killed has ended, if it can
# A worker that vanished so often in a row without finishing an item stays down. One more than `work.max_attempts`: the
# life after the last attempt at a killer image is the one that quarantines it.
LIVES_WITHOUT_PROGRESS = 4
MOST_WORKERS = 1024


@dataclass(kw_only=True)
class Local(Cluster):
    num_jobs: int | None = setting(None, least=1, most=MOST_WORKERS)  # by default one per GPU, else one per two cores

    def workers(self) -> int:
        return self.num_jobs or len(self._shares()) or max(1, cores() // 2)

    def gpus_of_a_worker(self) -> int:
        return len(self._shares()[0]) if self._shares() else 0

    def check(self, folder: RunFolder) -> None:
        gpus = len(visible_gpus())
        if 0 < gpus < self.gpus_per_worker:
            raise UserError(
                f"cluster.gpus_per_worker={self.gpus_per_worker}: this machine has {gpus}; use "
                f"cluster.gpus_per_worker={gpus}"
            )

    def _shares(self) -> list[list[str]]:
        """The GPUs of a worker, for as many workers as can have so many for themselves."""
        gpus, each = visible_gpus(), self.gpus_per_worker
        return [gpus[start : start + each] for start in range(0, len(gpus) - each + 1, each)]

    def describe(self, folder: RunFolder) -> list[str]:
        gpus = visible_gpus()
        place = f"sharing GPUs {', '.join(gpus)}" if gpus else "on the CPU"
        number = self.workers()
        return [f"{number} worker{'s' if number > 1 else ''} on this machine, {place}"]

    def run(self, start: Start) -> int:
        shares = self._shares() or [[]]
        slots = [Slot(number, start, tuple(shares[number % len(shares)])) for number in range(self.workers())]
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
    watch, vigil = Watch(start.folder), Vigil()
    with Bar() as bar:
        while True:
            running = [slot for slot in slots if slot.look(len(slots), bool(asked))]
            bar.show(watch.look())
            vigil.look()
            for slot in running:
                slot.judge(watch.workers, vigil, bool(asked), bar.tell)
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
    gpus: tuple[str, ...] = ()
    reason: str = ""
    _process: subprocess.Popen[bytes] | None = None
    _fruitless: int = 0
    _began: float = 0.0
    _warned: bool = False
    _frozen: str = ""  # how long it had said nothing when it was ended for that

    def start(self, of: int) -> None:
        environment = os.environ.copy()
        if self.gpus:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(self.gpus)
        environment.setdefault("OMP_NUM_THREADS", str(max(1, cores() // of)))
        command = [sys.executable, str(WORKER), str(self.run.folder.path)]
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
        self._began, self._warned, self._frozen = time.time(), False, ""

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        if self._process is not None and self.alive:
            self._process.terminate()
            self._process.send_signal(signal.SIGCONT)  # a stopped process hears nothing else

    def judge(self, workers: list[WorkerSeen], vigil: Vigil, stopping: bool, tell: Callable[[str], None]) -> None:
        """End a worker that has frozen; `look` puts another in its place, which takes over what it held."""
        if self._process is None or not self.alive:
            return
        pid, name = self._process.pid, f"worker {self.number} (process {self._process.pid})"
        said = [worker for worker in workers if worker.pid == pid and worker.here]
        silence = vigil.silence(min((worker.seconds_since for worker in said), default=time.time() - self._began))
        overdue = max((worker.overdue or 0.0 for worker in said), default=0.0)
        limit = SILENT_AFTER if stopping else STALE_AFTER
        if silence > limit:
            self._frozen = duration(silence)
            self._process.kill()
            with suppress(subprocess.TimeoutExpired):  # deep in the kernel (a hung disk) not even that ends it
                self._process.wait(timeout=HANGS)
            tell(f"{name} has said nothing for {self._frozen}: it is frozen, and was ended. See {short(self._log())}")
        elif silence > SILENT_AFTER and not self._warned:
            then = f"it is ended in {duration(limit - silence)}; at once"
            tell(f"{name} has said nothing for {duration(silence)}. If it is frozen, {then}: kill -9 {pid}")
        elif overdue and not self._warned:
            tell(f"{name} has ended no image for {duration(overdue)}. If it hangs: kill -9 {pid}; another goes on")
        self._warned = self._warned or silence > SILENT_AFTER or overdue > 0

    def look(self, of: int, stopping: bool) -> bool:
        """True while there is a worker here; a vanished one is started again unless that has proved vain."""
        if self.alive and not self._frozen:
            return True
        if self._process is None:
            return False
        code, pid = self._process.returncode, self._process.pid
        code = -signal.SIGKILL if code is None else code  # it hangs, and ends when the kernel lets it
        self._process = None
        if code in (ended.FINISHED, ended.STOPPED) or stopping:
            return False
        if code in (ended.FAILED, ended.COULD_NOT_SAY) and not self._was_cut_short(pid):
            self.reason = self._last_words(pid)
            return False
        self._fruitless = 0 if self._finished_some(pid) else self._fruitless + 1
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        how = f"frozen: ended after {self._frozen} without a word" if self._frozen else how
        with suppress(OSError), self._log().open("a") as log:
            print(f"worker {self.number} (process {pid}) vanished: {how}", file=log)
        if self._fruitless >= LIVES_WITHOUT_PROGRESS:
            self.reason = (
                f"worker {self.number} vanished {self._fruitless} times in a row without finishing an item ({how}); "
                f"see {short(self._log())}"
            )
            return False
        if is_complete(self.run.folder):
            return False  # others have done what it held
        self.start(of)
        return True

    def _log(self) -> Path:
        return self.run.folder.logs / f"local-{self.number}.log"

    def _last_words(self, pid: int) -> str:
        for state in read_presence(self.run.folder):
            if state["pid"] == pid and state["state"] == "failed":
                return str(state["reason"])
        if full := self._disk_is_full():  # which leaves no last words
            return full
        return f"worker {self.number} ended with exit code {ended.FAILED}; see {short(self._log())}"

    def _was_cut_short(self, pid: int) -> bool:
        """It was at work, and has not said why it ended, though it could have: a library under a step has ended it."""
        at_work = any(state["pid"] == pid and state["state"] == "working" for state in read_presence(self.run.folder))
        return at_work and not self._disk_is_full()

    def _disk_is_full(self) -> str:
        """What to say of it, if so."""
        try:
            write_atomic(self.run.folder.logs / "probe", bytes(1 << 20))
            (self.run.folder.logs / "probe").unlink()
        except OSError as error:
            return str(explained(error, self.run.folder.path))
        return ""

    def _finished_some(self, pid: int) -> bool:
        folder = self.run.folder
        return any(got_somewhere(folder, state["worker"]) for state in read_presence(folder) if state["pid"] == pid)


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
