"""From a chain that is known to be right to its stages at work: here, or on SLURM."""

from __future__ import annotations

from labelyard.generate.file_system import explained
from labelyard.launch.chains import frozen
from labelyard.launch.chains.dry_run import dry_run
from labelyard.launch.chains.local import run_here
from labelyard.launch.chains.plan import Chain
from labelyard.launch.chains.slurm import Again, start_next, start_on_slurm
from labelyard.launch.chains.waiting import wait_on_slurm
from labelyard.launch.planning.plan_lock import planning


def started(chain: Chain, again: Again, only: str | None = None, wait: bool = False) -> int:
    """`only`: the stage that a job on SLURM is to start; `wait`: stay, and start them from here."""
    try:
        return _started(chain, again, only, wait)
    except OSError as error:
        raise explained(error, chain.folder.path) from error


def _started(chain: Chain, again: Again, only: str | None, wait: bool) -> int:
    if chain.dry_run:
        return dry_run(chain, again)
    chain.folder.make()
    with planning(chain.folder.jobs):
        frozen.make_room(chain.folder, chain.old)
        frozen.write(chain.folder, chain.frozen, again.program)
    if not chain.on_slurm:
        return run_here(chain, again.ended)
    if wait:
        return wait_on_slurm(chain, again.ended)
    return start_next(chain, again, only) if only else start_on_slurm(chain, again)
