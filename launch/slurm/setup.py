"""A site's setup lines, so that one that fails ends the job with its own words: later python would fail, of something
that tells nobody why."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence

SAID = "cluster.setup failed"  # what `status` looks for in a log

# Also a line that ends the shell by itself (`set -e`, `set -u`, exit) is named. A trap of the site's own counts more.
BEFORE = f"""\
setup_ended() {{ [ "$1" -eq 0 ] || exit "$1"; }}
trap 'code=$?
    echo "If that line may fail, end it with: || true" >&2
    echo "{SAID} with exit status $code at: $setup_line" >&2
    [ $code -eq 0 ] || exit 1' EXIT"""
# The lines below rest on none of these: waiting for workers that were stopped is not a failure.
AFTER = """\
set +euo pipefail
case $(trap -p EXIT) in *setup_line*) trap - EXIT ;; esac"""


def guarded(lines: Sequence[str]) -> list[str]:
    """The setup of a script. What a line sets, loads and changes holds for the lines after it, as without guard."""
    if not lines:
        return []
    found = [BEFORE]
    for block in blocks(lines):
        found += [f"setup_line={shlex.quote(named(block))}", block, "setup_ended $?"]
    return [*found, AFTER]


def named(block: str) -> str:
    first, *more = block.strip().splitlines() or [""]
    return first[:150] + (" …" if more or len(first) > 150 else "")


def blocks(lines: Sequence[str]) -> list[str]:
    """Lines that only together are whole (`if …`, `then …`, `fi`) stay together."""
    found, open_lines = list[str](), list[str]()
    for line in lines:
        open_lines.append(line)
        if is_whole("\n".join(open_lines)):
            found.append("\n".join(open_lines))
            open_lines = []
    return found + (["\n".join(open_lines)] if open_lines else [])


def is_whole(text: str) -> bool:
    """By bash's own judgement, which only warns of a here-document that does not end."""
    if text.endswith("\\"):
        return False
    try:
        done = subprocess.run(["bash", "-n"], input=text.encode(), capture_output=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return True
    return done.returncode == 0 and not done.stderr
