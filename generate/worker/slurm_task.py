"""One task of a SLURM job: sees a worker through its lives.

    python generate/worker/slurm_task.py RUN_FOLDER [--config FILE]

It gives the worker a GPU of its own, passes signals on, and starts it again when it failed, in the same allocation: an
image that takes the process down is set apart that way, without a new wait in the queue. A worker that fails three
times in a row without finishing an item stays down. Nothing heavy is imported here.

Exit codes: 0 nothing is left to do, 1 failed for good, 75 stopped by a signal and worth another life.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import IO

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2] / "src")

from labelyard.generate.run_folder.claims import Owner
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.standing import is_complete
from labelyard.generate.run_folder.workers import limit_mark, write_obituary
from labelyard.generate.worker.exit_codes import FAILED, FINISHED, STOPPED
from labelyard.generate.worker.identity import LIFE, slurm_task
from labelyard.generate.worker.stop_signals import SIGNALS
from labelyard.generate.worker.task_history import fruitless
from labelyard.generate.worker.vigil import watch_over
from labelyard.utils.errors import UserError
from labelyard.utils.programs import call

LIVES_WITHOUT_PROGRESS = 3
WORKER = Path(__file__).resolve().parents[1] / "__main__.py"  # by its path: -m would look into the user's folder first
PAUSE = 1.0  # seconds before the next life; what made the worker fail may pass


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python generate/worker/slurm_task.py", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("run", help="the run folder")
    parser.add_argument("--config", type=Path, help="the config of this start (default: as the run was planned)")
    parser.add_argument("--gpus", type=int, default=1, help="how many of the node's GPUs the worker gets")
    chosen = parser.parse_args(arguments)
    try:
        task = Task(RunFolder.open(chosen.run), chosen.config, chosen.gpus)
    except UserError as error:
        print(error, file=sys.stderr)
        return FAILED
    return task.live()


class Task:
    def __init__(self, folder: RunFolder, config: Path | None, gpus: int = 1) -> None:
        self._folder = folder
        self._gpus = gpus
        self._name = slurm_task()[0]
        if not self._name:
            raise UserError(
                f"generate/worker/slurm_task.py is what SLURM starts. By hand: {call('generate')} RUN_FOLDER"
            )
        self._command = [sys.executable, "-u", str(WORKER), str(folder.path), "--parent", str(os.getpid())]
        self._command += ["--config", str(config)] if config else []
        self._worker: subprocess.Popen[bytes] | None = None
        self._owner: Owner | None = None
        self._asked = ""
        self._frozen = ""  # how the worker was ended, if it was for that
        for number in SIGNALS:
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGCONT, lambda *_: None)

    def live(self) -> int:
        """From one life to the next, until the work is done, a signal comes, or it has proved vain."""
        number = 0
        if self._proved_vain():
            return FAILED
        while True:
            if not self._folder.run_json.exists():
                self._say(f"{self._folder.path} is gone. Was the run folder moved? output=ITS_NEW_PLACE goes on there")
                return FAILED
            if is_complete(self._folder):
                self._say("every item has its outcome; there is nothing to do")
                return FINISHED
            if self._asked:
                return STOPPED
            code = self._one_life(number)
            if code == FINISHED:
                return FINISHED
            if code == STOPPED or self._asked:
                return FAILED if self._proved_vain() else STOPPED
            if self._proved_vain():
                return FAILED
            number += 1
            time.sleep(PAUSE)

    def _one_life(self, number: int) -> int:
        environment = {**os.environ, **gpus_of_this_task(os.environ, self._gpus), LIFE: str(number)}
        began = time.time()
        with subprocess.Popen(self._command, stderr=subprocess.PIPE, env=environment) as self._worker:
            worker = self._worker
            owner = self._owner = _owner(worker.pid, number)
            if self._asked:  # it came while there was nobody to pass it on to
                worker.terminate()
            assert worker.stderr is not None
            last_words = _Tee(worker.stderr)
            with self._watched(worker, owner):
                code = worker.wait()
            last_words.join()
        if code not in (FINISHED, STOPPED):
            how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            how += self._frozen
            words = f": {last_words.line}" if last_words.line else ""
            stopped = code in (-signal.SIGTERM, -signal.SIGUSR2, -signal.SIGINT, -signal.SIGKILL) and self._asked
            state, reason = ("stopped", self._asked) if stopped else ("failed", f"{how}{words}")
            with suppress(OSError):  # a full disk, a run folder that was moved away: its log has it
                write_obituary(self._folder, owner, began, time.time(), state, reason)
            self._say(f"the worker was {how}" if code < 0 else f"the worker {how}")
        return code

    @contextmanager
    def _watched(self, worker: subprocess.Popen[bytes], owner: Owner) -> Iterator[None]:
        """One that freezes is ended. In a thread: looking may hang with the file server, and signals must not."""
        self._frozen = ""

        def end(silence: float) -> None:
            self._frozen = f" by its task, having said nothing for {silence:.0f} s"
            worker.kill()

        ended = threading.Event()
        word = self._folder.workers / f"{owner.worker}.json"
        threading.Thread(target=watch_over, args=(word, end, ended), name="vigil", daemon=True).start()
        try:
            yield
        finally:
            ended.set()

    def _proved_vain(self) -> bool:
        vain = fruitless(self._folder, self._name)
        if vain >= LIVES_WITHOUT_PROGRESS:
            self._say(
                f"failed, or met the time limit, {vain} times in a row before one item was finished, and stays down. "
                "If it was the limit: it is too short for loading the models and one batch; raise cluster.time"
            )
        return vain >= LIVES_WITHOUT_PROGRESS

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._asked = self._asked or signal.Signals(number).name
        if number == signal.SIGUSR2 and self._owner is not None:
            limit_mark(self._folder, self._owner.worker).touch()
        if self._worker is not None and self._worker.poll() is None:
            self._worker.send_signal(number)
            self._worker.send_signal(signal.SIGCONT)  # a stopped process hears nothing else

    def _say(self, text: str) -> None:
        print(f"task {self._name}: {text}", flush=True)


class _Tee:
    """Passes a worker's stderr on, and keeps its last line: why it ended, when it could not say so itself."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._lines: deque[bytes] = deque(maxlen=20)
        self._thread = threading.Thread(target=self._copy, args=(pipe,), daemon=True)
        self._thread.start()

    def _copy(self, pipe: IO[bytes]) -> None:
        for line in pipe:
            sys.stderr.buffer.write(line)
            sys.stderr.buffer.flush()
            self._lines.append(line)

    def join(self) -> None:
        self._thread.join(timeout=5)  # what the worker started may hold the pipe open

    @property
    def line(self) -> str:
        lines = [line.decode(errors="replace").strip() for line in self._lines]
        return next((line[:300] for line in reversed(lines) if line), "")


def _owner(pid: int, number: int) -> Owner:
    task, life = slurm_task()
    again = f".{number}" if number else ""
    return replace(Owner.here(f"slurm-{task}-r{life}{again}", task), pid=pid, started="")


def gpus_of_this_task(environment: Mapping[str, str], each: int = 1) -> dict[str, str]:
    """So many GPUs for each task of a node, in turn, where SLURM shows all of the job's GPUs to every task."""
    chosen = environment.get("CUDA_VISIBLE_DEVICES")
    gpus = [part for part in (chosen or "").split(",") if part.strip()]
    if len(gpus) <= each:
        return {}
    start = int(environment.get("SLURM_LOCALID", "0")) % (len(gpus) // each) * each
    return {"CUDA_VISIBLE_DEVICES": ",".join(gpus[start : start + each])}


if __name__ == "__main__":
    sys.exit(main())
