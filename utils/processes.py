"""What Linux tells of other processes."""

from __future__ import annotations

from pathlib import Path


def start_time(pid: int) -> str | None:
    """When the process started, in the kernel's ticks; None if there is none (a zombie has ended as well)."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if after_name[0] in ("Z", "X") else after_name[19]
