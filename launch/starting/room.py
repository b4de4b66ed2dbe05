"""Whether a disk has room for what is to come."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from labelyard.launch.starting.forecast import in_gb


def fits(need: float, place: Path, what: str = "") -> bool:
    """Said if not."""
    there = next(path for path in (place, *place.parents) if path.exists())
    free = shutil.disk_usage(there).free
    print(f"free       {in_gb(free)} at {there}")
    if need > free:
        print(f"run: the disk would not be large enough{f' for {what}' if what else ''}", file=sys.stderr)
    return need <= free
