"""The tour is walked: every command of docs/tour.md as it stands, and what it says they print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT, environment

BLOCK = re.compile(r"^```(bash|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def test_every_command_of_the_tour(tmp_path: Path) -> None:
    (tmp_path / "launch").symlink_to(ROOT / "launch")
    settings = {**environment(), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    commands = printed = ""
    told = 0
    for kind, body in BLOCK.findall((ROOT / "docs" / "tour.md").read_text()):
        if kind == "bash":
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", body],
                cwd=tmp_path, env=settings, capture_output=True, text=True, timeout=250,
            )  # fmt: skip
            assert done.returncode == 0, body + done.stdout + done.stderr
            commands, printed = commands + body, done.stdout
            continue
        for line in body.splitlines():
            told += 1
            pattern = ".*".join(map(re.escape, line.split("…")))
            assert re.search(f"^{pattern}$", printed, re.MULTILINE), f"not printed: {line}\n{printed}"
    assert told >= 8
    for program in ("run", "status", "validate", "view", "retry"):
        assert f"launch/{program}.py" in commands
    out = tmp_path / "runs" / "tour" / "out"
    assert len((out / "train.txt").read_text().splitlines()) == 4
    assert (out / "report" / "index.html").exists()
