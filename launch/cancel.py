"""End the jobs of a run, and only those: its workers, their successors, and the merge job.

    python launch/cancel.py train-data

Nothing is lost: what is finished stays, and the same run.py command goes on from there. Other runs' jobs are not
touched, whatever their numbers: a job is this run's if its number and its name both stand in the run folder.

Exit code 0: nothing of the run is left in SLURM's queue. 1: it could not be done.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.launch.exit_codes import DONE, FAILED
from labelyard.launch.program import parser, program
from labelyard.launch.slurm.commands import Unreachable, ask
from labelyard.launch.slurm.own_jobs import queued, submitted
from labelyard.launch.slurm.parse import Queued
from labelyard.utils.errors import UserError
from labelyard.utils.programs import as_called

PATIENCE = 90.0  # seconds for the jobs to leave the queue: they have SLURM's KillWait to stop


@program
def main(arguments: list[str] | None = None) -> int:
    asking = parser(__doc__)
    asking.add_argument("run", type=Path, help="the run folder")
    chosen = asking.parse_args(arguments)
    try:
        return cancel(RunFolder.open(chosen.run))
    except Unreachable as error:
        raise UserError(f"{error}. Give the command where squeue and scancel are") from None


def cancel(folder: RunFolder) -> int:
    if not submitted(folder):
        print(f"{folder.path}: no jobs were submitted for this run")
        return DONE
    jobs = queued(folder)
    if not jobs:
        print("None of this run's jobs is in SLURM's queue; nothing is cancelled")
        return DONE
    # The latest first: a merge job or a successor must not start because what it waits for has just been cancelled.
    ids = sorted({job.job for job in jobs}, key=int, reverse=True)
    ask(["scancel", *ids])
    print(f"cancelled: {told(jobs)}   (scancel {' '.join(ids)})", flush=True)
    end = time.monotonic() + PATIENCE
    while left := queued(folder):
        if time.monotonic() > end:
            print(
                f"cancel: still in the queue: {told(left)}. Look again: squeue --jobs {','.join(ids)}", file=sys.stderr
            )
            return FAILED
        time.sleep(1)
    print(as_called("They are gone. What is finished stays; the same run.py command goes on from there"))
    return DONE


def told(jobs: list[Queued]) -> str:
    counts: dict[str, int] = {}
    for job in jobs:
        counts[job.state.lower()] = counts.get(job.state.lower(), 0) + job.number
    return ", ".join(f"{number} {state}" for state, number in counts.items())


if __name__ == "__main__":
    sys.exit(main())
