"""`--wait`: the command stays, and starts each stage on SLURM itself once those that it needs have come to their end.
For clusters whose compute nodes may not submit jobs; no small jobs are submitted.

Whoever waits may go away at any time: the jobs of the stages that were started stay, and the same command goes on.
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Mapping

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.launch.chains.local import heading
from labelyard.launch.chains.plan import Chain, Stage
from labelyard.launch.chains.slurm import at_work
from labelyard.launch.chains.standing import Stand, stand
from labelyard.launch.exit_codes import DONE, FAILED, INCOMPLETE, INTERRUPTED
from labelyard.launch.merging.summary import short
from labelyard.launch.planning.plan_lock import planning
from labelyard.launch.slurm.commands import Unreachable
from labelyard.launch.slurm.own_jobs import queued
from labelyard.launch.starting.start import start
from labelyard.utils.english import counted
from labelyard.utils.programs import call

LOOK = 5.0  # seconds between two looks

Ended = Callable[[Chain], None]


def wait_on_slurm(chain: Chain, ended: Ended | None = None) -> int:
    """As where the stages run here: 3 where something is quarantined or pending. `ended` is called behind each."""
    try:
        return _waited(chain, ended)
    except KeyboardInterrupt:
        folder = shlex.quote(short(chain.folder.path))
        print(
            "The jobs that are there go on; nothing more is started until the same command is given again. Look: "
            f"{call('status')} {folder}   End them: {call('cancel')} {folder}",
            file=sys.stderr,
        )
        return INTERRUPTED


def _waited(chain: Chain, ended: Ended | None) -> int:
    begun: set[str] = set()
    ends: dict[str, Stand] = {}
    while True:
        ready = [stage for stage in chain.stages if _is_ready(stage, begun, ends)]
        for stage in ready:
            if _start(chain, stage) == FAILED:
                return FAILED
            begun.add(stage.name)
        over = [stage for stage in chain.stages if stage.name in begun - ends.keys() and not _some_left(stage.folder)]
        ends.update((stage.name, _told(chain, stage)) for stage in over)
        if over and ended is not None:
            ended(chain)
        if not over and begun == ends.keys():
            break
        if not over:
            time.sleep(LOOK)
    left = [stage.name for stage in chain.stages if stage.name not in ends]
    if left:
        print(f"chain: not started: {', '.join(left)}. The same command goes on", file=sys.stderr)
        return INCOMPLETE
    return DONE if all(one.done == one.items for one in ends.values()) else INCOMPLETE


def _is_ready(stage: Stage, begun: set[str], ends: Mapping[str, Stand]) -> bool:
    return stage.name not in begun and all(need in ends and ends[need].complete for need in stage.needs)


def _start(chain: Chain, stage: Stage) -> int:
    with planning(chain.folder.jobs):
        print(heading(chain, stage), flush=True)
        if at_work(stage.folder):
            print("its jobs are in SLURM's queue already", flush=True)
            return DONE
        return start(stage.composed)


def _told(chain: Chain, stage: Stage) -> Stand:
    now = stand(stage.folder)
    print(f"{stage.name}: {now.told()}", flush=True)
    if not now.complete:
        print(f"chain: {stage.name} is not complete, and no job of it is left", file=sys.stderr, flush=True)
    elif now.quarantined and chain.needing(stage.name):
        print(f"{counted(now.quarantined, 'item')} of it in quarantine; on with the {now.done} that are done")
    return now


def _some_left(folder: RunFolder) -> bool:
    """Jobs of it, the one that merges included. Where SLURM does not answer, it is asked again later."""
    while True:
        try:
            return bool(queued(folder))
        except Unreachable as error:
            print(f"{error}; asking again later", file=sys.stderr, flush=True)
            time.sleep(LOOK)
