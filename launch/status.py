"""How a run is doing, from its folder; and from SLURM, where it has jobs and SLURM can be asked.

python launch/status.py RUN             a table
python launch/status.py RUN --watch     again every few seconds, until the run is complete
python launch/status.py RUN --json      the same for programs
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from generate.run_folder import RunFolder
from launch.overview import overview, table
from launch.slurm.lines import lines
from launch.slurm.look import Look
from utils.errors import UserError

EVERY = 3.0  # seconds between two looks of --watch


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the run folder")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--watch", action="store_true", help="look again and again")
    chosen = parser.parse_args(arguments)
    try:
        folder = RunFolder.open(chosen.run)
        look = Look(folder)
        while True:
            seen = overview(folder)
            slurm = look.look()
            if slurm is not None:
                seen["slurm"] = slurm
            print(json.dumps(seen) if chosen.json else _screen(seen, chosen.watch), flush=True)
            if not chosen.watch or seen["pending"] == 0:
                return 0
            time.sleep(EVERY)
    except (UserError, OSError) as error:
        print(f"status: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def _screen(seen: dict[str, Any], watched: bool) -> str:
    clear = "\x1b[H\x1b[2J" if watched and sys.stdout.isatty() else ""
    slurm = lines(seen["slurm"], Path(seen["run"])) if "slurm" in seen else []
    return clear + "\n".join([table(seen), *slurm])


if __name__ == "__main__":
    sys.exit(main())
