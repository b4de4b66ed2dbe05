"""A page of docs/ is walked: every command as it stands, and every line that it says they print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT, environment

BLOCK = re.compile(r"^```(bash|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def walked(page: str, folder: Path, before: str | None = None) -> tuple[str, int]:
    """All its commands, run in `folder`, and how many lines of what it says were found in what they printed. `before`:
    those ahead of this heading."""
    (folder / "launch").symlink_to(ROOT / "launch")
    settings = {**environment(), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    commands, printed, told = "", "", 0
    text = (ROOT / "docs" / page).read_text()
    for kind, body in BLOCK.findall(text if before is None else text[: text.index(f"\n{before}\n")]):
        if kind == "bash":
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", body],
                cwd=folder, env=settings, capture_output=True, text=True, timeout=250,
            )  # fmt: skip
            assert done.returncode == 0, body + done.stdout + done.stderr
            commands, printed = commands + body, done.stdout
            continue
        for line in body.splitlines():
            told += 1
            pattern = ".*".join(map(re.escape, line.split("…")))
            assert re.search(f"^{pattern}$", printed, re.MULTILINE), f"not printed: {line}\n{printed}"
    return commands, told
