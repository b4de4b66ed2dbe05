"""`backend=vllm`: an inference server that the worker starts for itself, on this machine and its own GPUs.

It ends with the worker, however that ends: between the two stands a keeper (keeper.py), which ends the server and all
that it has started as soon as the worker is gone.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import string
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from labelyard.generate.errors import AskedToStop, FatalError
from labelyard.generate.steps.models.chat.addresses import Addresses
from labelyard.generate.steps.models.chat.web import NoReply, Unreachable, ask
from labelyard.generate.surroundings import Surroundings
from labelyard.utils.text import one_line

ENGINE = "vllm serve {checkpoint} --host 127.0.0.1 --port {port} {options}"
KEEPER = Path(__file__).with_name("keeper.py")
PLACES = ("checkpoint", "port", "options")
RESTARTS = 2  # of a server that dies before it has answered so many:
GOOD = 10
LOOK = 0.1  # seconds
HEALTH = 5.0  # seconds for it to say how it is
LAST_WAIT = 60.0  # seconds for all of it to end
BETWEEN_TURNS = ("sleep", "stay", "end")  # what it does while the GPU is others'
SLEEP, WAKE = "sleep?level=1", "wake_up"  # as vLLM has them: its weights go to the machine's memory, and come back
NAP = 600.0  # seconds for either
MAY_SLEEP = {"VLLM_SERVER_DEV_MODE": "1"}  # without it vLLM has no such addresses
TAIL = 4000  # bytes of its log


@dataclass(frozen=True)
class EnginePlan:
    command: str
    checkpoint: str
    options: tuple[str, ...] = ()
    log: Path | None = None
    start_timeout: float = 1800.0
    between_turns: str = "stay"

    def words(self, port: int) -> list[str]:
        options = " ".join(map(shlex.quote, self.options))
        checkpoint = str(Path(self.checkpoint).expanduser()) if self.checkpoint.startswith("~") else self.checkpoint
        return shlex.split(self.command.format(checkpoint=shlex.quote(checkpoint), port=port, options=options))


class Engine:
    """Started and ready to answer."""

    def __init__(self, plan: EnginePlan, around: Surroundings) -> None:
        self._plan, self._around = plan, around
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._restarts, self._good = 0, 0
        self.starts = 0
        self.addresses = Addresses("http://127.0.0.1:9/v1")
        self._start()

    def mend(self) -> bool:
        """Whether it had died, and is there again. Whoever comes meanwhile waits."""
        with self._lock:
            if self._process is None:
                raise FatalError("the server was ended")
            if not self._is_dead(self._process):
                return False
            code = self._process.returncode
            self._let_go()
            if self._good >= GOOD:
                self._restarts = 0
            if self._restarts >= RESTARTS:
                raise FatalError(
                    f"the server died {self._restarts + 1} times (exit code {code}); it said last: {self._last_words()}"
                )
            self._restarts += 1
            self._start()
            return True

    def _is_dead(self, process: subprocess.Popen[bytes]) -> bool:
        """The keeper ends a little later than the server; where nobody listens any more, it is about to."""
        began = time.monotonic()
        while process.poll() is None and time.monotonic() - began < HEALTH:
            try:
                ask(f"{self._root}/health", None, None, HEALTH)
                return False
            except NoReply:  # it is too busy, or the kernel is just closing its connections one by one
                time.sleep(LOOK)
            except Unreachable:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=LAST_WAIT)
                break
        return process.poll() is not None

    def good(self) -> None:
        """It has answered."""
        self._good += 1

    def rest(self) -> bool:
        """Others want the GPU: whether it stays without being in their way. If not, it is to be ended."""
        if self._plan.between_turns == "stay":
            return True
        return self._plan.between_turns == "sleep" and self._told(SLEEP) is None

    def wake(self) -> None:
        if self._plan.between_turns != "sleep":
            return
        trouble = self._told(WAKE)
        if trouble is not None and not self.mend():  # one that is started anew is awake
            raise FatalError(f"the server does not wake up ({trouble}); use between_turns=end, or stay if it may")

    def _told(self, what: str) -> str | None:
        """Why it does not do it, if so."""
        try:
            reply = ask(f"{self._root}/{what}", b"{}", None, NAP)
        except (Unreachable, NoReply) as error:
            return str(error)
        return None if reply.status == 200 else f"{reply.status} to POST /{what}"

    def end(self) -> None:
        with self._lock:
            self._let_go()

    def _start(self) -> None:
        self.starts, self._good = self.starts + 1, 0
        port = free_port()
        self._root = f"http://127.0.0.1:{port}"
        words = self._plan.words(port)
        log = self._plan.log
        with open(log or os.devnull, "ab") as file:
            file.write(f"$ {shlex.join(words)}\n".encode())
            file.flush()
            # A session of its own: what ends the worker's group lets the keeper end the server in order.
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(KEEPER), *words],
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
                start_new_session=True,
                env={**os.environ, **(MAY_SLEEP if self._plan.between_turns == "sleep" else {})},
            )
        self._wait()
        self.addresses.moved(f"{self._root}/v1")

    def _wait(self) -> None:
        began = time.monotonic()
        assert self._process is not None
        while True:
            if self._process.poll() is not None:
                code = self._process.returncode
                self._let_go()
                raise FatalError(f"the server did not start (exit code {code}): {self._last_words()}")
            with suppress(Unreachable, NoReply):
                if ask(f"{self._root}/health", None, None, HEALTH).status == 200:
                    return
            if self._around.stopping():
                self._let_go()
                raise AskedToStop
            if time.monotonic() - began > self._plan.start_timeout:
                self._let_go()
                raise FatalError(
                    f"the server was not ready after start_timeout={self._plan.start_timeout:g} s: {self._last_words()}"
                )
            time.sleep(LOOK)

    def _let_go(self) -> None:
        """The keeper ends when its standard input does, and with it all that it has started."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(timeout=LAST_WAIT)
        except subprocess.TimeoutExpired:
            process.kill()

    def _last_words(self) -> str:
        log = self._plan.log
        if log is None:
            return "its log is not kept"
        try:
            with log.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
                lines = file.read().decode("utf-8", "replace").splitlines()
        except OSError as error:
            return f"its log can't be read ({error.strerror})"
        errors = [line for line in lines if "error" in line.lower()]
        said = (errors or [line for line in lines if line.strip() and not line.startswith("$ ")] or ["nothing"])[-1]
        return f"{one_line(said, 300)} (see {log})"


def check_command(command: str) -> None:
    """Refused: places that nothing is known for."""
    try:
        places = [place for _, place, _, _ in string.Formatter().parse(command) if place is not None]
        words = shlex.split(command)
    except ValueError as error:
        raise ValueError(f"engine={command!r}: {error}") from None
    strange = [place for place in places if place not in PLACES]
    if strange or "port" not in places or not words:
        raise ValueError(
            f"engine={command!r}: give a command with {{port}} in it, and {{checkpoint}} and {{options}} too; "
            "a brace itself is written twice"
        )


def program_of(command: str) -> str:
    return shlex.split(command)[0]


def is_installed(command: str) -> bool:
    return shutil.which(str(Path(program_of(command)).expanduser())) is not None


def gpus_here() -> int:
    """That this worker was given."""
    return len([part for part in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if part.strip()])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
