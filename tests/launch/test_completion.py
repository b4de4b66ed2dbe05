"""The tab key, in a bash of its own on a terminal, set up by the README's line."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, environment

SETTLED = 60.0  # seconds to wait for what must come


class Bash:
    """An interactive bash with a terminal; what it shows is kept."""

    def __init__(self) -> None:
        self._terminal, other = os.openpty()
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._process = subprocess.Popen(
            ["setsid", "--ctty", "bash", "--norc", "--noprofile", "-i"],  # the terminal is its own
            stdin=other, stdout=other, stderr=other, cwd=ROOT,
            env={**environment(), "PATH": path, "TERM": "dumb", "PS1": "ready> ", "INPUTRC": os.devnull},
        )  # fmt: skip
        os.close(other)
        self.shown = ""

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def wait_for(self, pattern: str) -> None:
        """Until it stands in what was shown since the last time."""
        until = time.monotonic() + SETTLED
        while not re.search(pattern, self.shown):
            if select.select([self._terminal], [], [], max(0.0, until - time.monotonic()))[0]:
                self.shown += os.read(self._terminal, 65536).decode(errors="replace")
            assert time.monotonic() < until, f"{pattern} did not come:\n{self.shown}"
        self.shown = ""

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)


@pytest.fixture
def bash() -> Iterator[Bash]:
    opened = Bash()
    try:
        opened.wait_for("ready> ")
        yield opened
    finally:
        opened.close()


def set_up(bash: Bash, asked: str) -> None:
    (line,) = re.findall(rf'^(eval "\$\({asked}\)")', (ROOT / "README.md").read_text(), re.M)
    bash.type(f"{line}\necho set up: $?\n")
    bash.wait_for("set up: 0\r\nready> ")


def assert_completed(bash: Bash, typed: str, completed: str) -> None:
    bash.type(f"{typed}\t")
    bash.wait_for(re.escape(completed))
    bash.type("\x15")  # the line is taken back


def test_tab_completes_options_and_settings(bash: Bash) -> None:
    set_up(bash, r"python launch/run\.py -sc install=bash")
    for typed, completed in {
        "segment=sam_h": "segment=sam_hq",
        "cluster=slurm cluster.part": "cluster=slurm cluster.partition=",
        "source=csv source.enc": "source=csv source.encoding=",
        "pipeline=dem": "pipeline=demo",
    }.items():
        assert_completed(bash, f"python launch/run.py {typed}", f"python launch/run.py {completed}")


def test_tab_completes_the_command(bash: Bash, tmp_path: Path) -> None:
    """Verbs, settings, the options of the others, and run folders."""
    command = tmp_path / "bin" / "labelyard"  # of this checkout, whatever is installed beside it
    command.parent.mkdir()
    command.write_text(f"#!{sys.executable}\nfrom labelyard.launch.command import main\nraise SystemExit(main())\n")
    command.chmod(0o755)
    (tmp_path / "train-data").mkdir()
    bash.type(f"PATH='{command.parent}':$PATH; cd '{tmp_path}'; echo there: $?\n")
    bash.wait_for("there: 0\r\nready> ")
    set_up(bash, r"labelyard --completion bash")
    for typed, completed in {
        "sta": "status",
        "mer": "merge",
        "run segment=sam_h": "run segment=sam_hq",
        "run cluster=slurm cluster.part": "run cluster=slurm cluster.partition=",
        "fetch pipeline=dem": "fetch pipeline=demo",
        "status --prom": "status --prometheus",
        "validate train-d": "validate train-data",
    }.items():
        assert_completed(bash, f"labelyard {typed}", f"labelyard {completed}")
