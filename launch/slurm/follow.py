"""--wait: follow a submission until its jobs have ended. Whoever follows may go away at any time; the jobs stay."""

from __future__ import annotations

import shlex
import sys
import time

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.launch.clusters.base import exit_code
from labelyard.launch.exit_codes import FAILED, INCOMPLETE, INTERRUPTED
from labelyard.launch.merging.merge import merge
from labelyard.launch.merging.summary import short, summary
from labelyard.launch.slurm.commands import Unreachable, queue
from labelyard.launch.slurm.jobs import Submission
from labelyard.launch.slurm.jobs_lines import failures
from labelyard.launch.slurm.jobs_overview import Look
from labelyard.launch.watching.overview import trouble_of
from labelyard.launch.watching.progress import Watch
from labelyard.launch.watching.terminal import Bar
from labelyard.utils.programs import call
from labelyard.utils.text import harmless

LOOK = 1.0  # seconds between two looks into the run folder
ASK_FIRST, ASK_LAST = 2.0, 60.0  # seconds between two questions to SLURM, ever longer


def follow(folder: RunFolder, submission: Submission) -> int:
    ids = [job.id for job in submission.jobs]
    watch, pause, asked = Watch(folder), ASK_FIRST, time.monotonic()
    told = set[str]()
    try:
        with Bar() as bar:
            while True:
                bar.show(watch.look())
                for worker in watch.workers:
                    if worker.worker not in told and (trouble := trouble_of(worker)):
                        told.add(worker.worker)
                        bar.tell(harmless(f"{worker.worker} on {worker.node or worker.host}: {trouble}"))
                time.sleep(LOOK)
                if time.monotonic() - asked < pause:
                    continue
                asked, pause = time.monotonic(), min(ASK_LAST, 1.5 * pause)
                if not _some_left(ids):
                    break
    except KeyboardInterrupt:
        run = shlex.quote(short(folder.path))
        print(
            f"The jobs go on. Look: {call('status')} {run}   End them: {call('cancel')} {run}",
            file=sys.stderr,
        )
        return INTERRUPTED
    merged = merge(folder)  # the merge job did it as well; this is for what to tell
    print(summary(folder, merged), flush=True)
    code = exit_code(merged)
    if code != INCOMPLETE:
        return code
    seen = Look(folder).look()
    if seen is None or not seen.failed:
        return INCOMPLETE
    print(harmless("\n".join(["workers failed:", *failures(seen, folder.path)])), file=sys.stderr)
    return FAILED


def _some_left(ids: list[str]) -> bool:
    try:
        return bool(queue(ids))
    except Unreachable as error:
        print(f"{error}; asking again later", file=sys.stderr)
        return True
