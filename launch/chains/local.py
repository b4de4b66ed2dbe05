"""The stages of a chain on this machine, one after another in this process."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from labelyard.launch.chains.plan import Chain, Stage
from labelyard.launch.chains.standing import stand
from labelyard.launch.exit_codes import DONE, INCOMPLETE
from labelyard.launch.merging.summary import short, to_type
from labelyard.launch.starting.start import start
from labelyard.utils.english import counted


def run_here(chain: Chain, ended: Callable[[Chain], None] | None = None) -> int:
    """Its exit code is run.py's: 3 where something is quarantined in any stage. `ended` is called behind each stage,
    however it has ended."""
    worst = DONE
    for stage in chain.stages:
        print(heading(chain, stage), flush=True)
        with _signals_as_before():
            code = start(stage.composed)
        if ended is not None:
            ended(chain)
        if code not in (DONE, INCOMPLETE):
            return code
        now = stand(stage.folder)
        if not now.complete:
            print(f"chain: {stage.name} is not complete ({now.told()}). The same command goes on", file=sys.stderr)
            return INCOMPLETE
        if now.quarantined and chain.needing(stage.name):
            print(f"{counted(now.quarantined, 'item')} of it in quarantine; on with the {now.done} that are done")
        worst = max(worst, code)
    place = chain.folder.path
    print(f"-- all {counted(len(chain.stages), 'stage')} of {short(place)} have come to their end")
    print(f"look at it   {to_type('view', place)}", flush=True)
    return worst


def heading(chain: Chain, stage: Stage) -> str:
    source = f", of the records of {' and '.join(stage.needs)}" if stage.needs else ""
    return f"-- {chain.place(stage)}{source}, in {short(stage.folder.path)}"


@contextmanager
def _signals_as_before() -> Iterator[None]:
    """A run listens to signals until its end; between two of them Ctrl-C ends the chain at once."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2, signal.SIGCONT)
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
