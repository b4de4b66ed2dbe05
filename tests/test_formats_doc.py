"""Every command of docs/formats.md as it stands, and what it says they print; and that it names every format."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT, environment
from tests.test_tour import BLOCK

TEXT = (ROOT / "docs" / "formats.md").read_text()


def test_every_format_has_its_line() -> None:
    for group in ("source", "export"):
        names = {path.stem for path in (ROOT / "conf" / group).glob("*.yaml")}
        rows = [line for line in TEXT.splitlines() if line.startswith("| `")]
        named = {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
        assert names - {"auto"} <= named


def test_every_command(tmp_path: Path) -> None:
    (tmp_path / "launch").symlink_to(ROOT / "launch")
    settings = {**environment(), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    commands, printed, told = "", "", 0
    for kind, body in BLOCK.findall(TEXT):
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
    assert told >= 20
    for path in (ROOT / "conf" / "export").glob("*.yaml"):
        assert f"$export out {path.stem} " in commands
