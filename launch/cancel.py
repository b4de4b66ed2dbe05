"""End the jobs of a run, and only those: its workers, their successors, and the merge job.

    python launch/cancel.py train-data
    python launch/cancel.py CHAIN          of all its stages, and those that would start the next ones

Nothing is lost: what is finished stays, and the command that made the folder goes on from there. Other runs' jobs are
not touched, whatever their numbers: a job is this run's if its number and its name both stand in the run folder.

Exit code 0: nothing of the run is left in SLURM's queue. 1: it could not be done.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")

from labelyard.generate.run_folder.layout import RunFolder, stages_of
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
    asking.add_argument("run", type=Path, help="the folder of a run, or of a chain")
    chosen = asking.parse_args(arguments)
    try:
        return cancel(chosen.run)
    except Unreachable as error:
        raise UserError(f"{error}. Give the command where squeue and scancel are") from None


def folders_of(location: Path) -> list[RunFolder]:
    """Where the jobs are written down: of a chain first those that would start a stage."""
    if not stages_of(location):
        return [RunFolder.open(location)]
    from labelyard.launch.chains.folder import ChainFolder
    from labelyard.launch.chains.overview import stages_in

    chain = ChainFolder.open(location)
    return [chain.jobs, *stages_in(chain)]


def goes_on(location: Path) -> str:
    """Which command does: of a stage, its chain's."""
    location = location.resolve()
    chain = location if stages_of(location) else location.parent
    program = "run"
    if chain == location or location.name in stages_of(chain):
        from labelyard.launch.chains.folder import ChainFolder

        found = ChainFolder.open(chain).read()
        program = found.program if found is not None else program
    return as_called(f"the same {program}.py command goes on from there")


def cancel(location: Path) -> int:
    what = "chain" if stages_of(location) else "run"
    if not any(submitted(folder) for folder in folders_of(location)):
        print(f"{location.resolve()}: no jobs were submitted for this {what}")
        return DONE
    jobs = _all_queued(location)
    if not jobs:
        print(f"None of this {what}'s jobs is in SLURM's queue; nothing is cancelled")
        return DONE
    cancelled = _scancel(jobs)
    end = time.monotonic() + PATIENCE
    while left := _all_queued(location):
        # One that was just starting the next stage may have submitted more in the meantime.
        if new := [job for job in left if job.job not in cancelled]:
            cancelled |= _scancel(new)
        if time.monotonic() > end:
            ids = ",".join(sorted(cancelled, key=int))
            print(f"cancel: still in the queue: {told(left)}. Look again: squeue --jobs {ids}", file=sys.stderr)
            return FAILED
        time.sleep(1)
    print(f"They are gone. What is finished stays; {goes_on(location)}")
    return DONE


def _all_queued(location: Path) -> list[Queued]:
    return [job for folder in folders_of(location) for job in queued(folder)]


def _scancel(jobs: list[Queued]) -> set[str]:
    # The latest first: a merge job or a successor must not start because what it waits for has just been cancelled.
    ids = sorted({job.job for job in jobs}, key=int, reverse=True)
    ask(["scancel", *ids])
    print(f"cancelled: {told(jobs)}   (scancel {' '.join(ids)})", flush=True)
    return set(ids)


def told(jobs: list[Queued]) -> str:
    counts: dict[str, int] = {}
    for job in jobs:
        counts[job.state.lower()] = counts.get(job.state.lower(), 0) + job.number
    return ", ".join(f"{number} {state}" for state, number in counts.items())


if __name__ == "__main__":
    sys.exit(main())
