"""How a run is doing, from its folder; and from SLURM, where it has jobs and SLURM can be asked.

    python launch/status.py RUN                     a table
    python launch/status.py RUN --watch             a screen that is worth leaving open; without a terminal, lines
    python launch/status.py RUN --json              the same for programs
    python launch/status.py RUN --prometheus FILE   the same for a node exporter's textfile collector (FILE.prom)
    python launch/status.py CHAIN                   all stages of a chain, and the status of those at work

--watch goes with the others, and ends when the run is complete.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")

from labelyard.generate.run_folder.layout import RunFolder, stages_of
from labelyard.launch.exit_codes import DONE
from labelyard.launch.program import parser, program
from labelyard.launch.slurm.jobs_lines import lines
from labelyard.launch.slurm.jobs_overview import Look
from labelyard.launch.watching.overview import Overview, as_json, overview, table
from labelyard.launch.watching.progress import Progress, line
from labelyard.launch.watching.time_spent import Latest, bound_by, latest, shares
from labelyard.launch.watching.workers import WorkerSeen
from labelyard.utils.text import harmless

EVERY = 3.0  # seconds between two looks of --watch
PART = 0.1  # of the time may go into looking: a huge run on a slow file server is looked at less often

Show = Callable[[Overview], None]


@program
def main(arguments: list[str] | None = None) -> int:
    asking = parser(__doc__)
    asking.add_argument("run", type=Path, help="the folder of a run, or of a chain")
    asking.add_argument("--json", action="store_true", help="print JSON")
    asking.add_argument("--watch", action="store_true", help="look again and again")
    asking.add_argument("--prometheus", type=Path, metavar="FILE", help="write the numbers there, each time anew")
    chosen = asking.parse_args(arguments)
    try:
        if stages_of(chosen.run):
            return of_chain(chosen.run, chosen.json, chosen.watch, chosen.prometheus)
        look = Looking(RunFolder.open(chosen.run))
        with _shower(chosen.json, chosen.watch) as show:
            seen = _look_until_done(look, show, chosen.watch, chosen.prometheus)
        if chosen.watch and not chosen.json and sys.stdout.isatty():
            print(_text(seen))  # the screen is gone with its program; this stays
    except KeyboardInterrupt:
        return DONE
    return DONE


def of_chain(location: Path, for_programs: bool, watch: bool, prometheus: Path | None) -> int:
    from labelyard.launch.chains import overview as chains
    from labelyard.launch.chains.folder import ChainFolder

    if prometheus is not None:
        RunFolder.open(location)  # says which of its runs there are
    folder, said = ChainFolder.open(location), ""
    looking: dict[Path, Looking] = {}  # each asks SLURM seldom
    while True:
        began = time.monotonic()
        seen = chains.look(folder, lambda run: looking.setdefault(run.path, Looking(run)).look())
        text = json.dumps(chains.as_json(seen)) if for_programs else chains.table(seen, _text)
        if text != said:
            said = text
            print(text if not watch or for_programs else f"{time.strftime('%H:%M:%S')}\n{text}\n", flush=True)
        if not watch or seen.complete:
            return DONE
        time.sleep(max(EVERY, (time.monotonic() - began) / PART))


def _look_until_done(look: Looking, show: Show, watch: bool, prometheus: Path | None) -> Overview:
    while True:
        began = time.monotonic()
        seen = look.look()
        if prometheus is not None:
            from labelyard.launch.watching.prometheus import write_metrics

            write_metrics(prometheus, seen)
        show(seen)
        if not watch or seen.pending == 0:
            return seen
        time.sleep(max(EVERY, (time.monotonic() - began) / PART))


class Looking:
    """The run folder, looked at once or again and again."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._slurm = Look(folder)

    def look(self) -> Overview:
        seen = overview(self._folder)
        late = latest(self._folder)
        return replace(
            seen,
            workers=[_up_to_date(worker, late) for worker in seen.workers],
            spent=late.spent,
            bound_by=bound_by(late.spent),
            latest_failures=late.failures,
            gpu_peak_bytes=late.gpu_bytes,
            slurm=self._slurm.look(),
        )


def _up_to_date(worker: WorkerSeen, late: Latest) -> WorkerSeen:
    """What it said is some seconds old; its journals are not."""
    done, quarantined = late.ended_since(worker.worker, worker.said_at)
    return replace(worker, done=worker.done + done, quarantined=worker.quarantined + quarantined)


def _shower(for_programs: bool, watch: bool) -> AbstractContextManager[Show]:
    if for_programs:
        return nullcontext(lambda seen: print(json.dumps(as_json(seen)), flush=True))
    if not watch:
        return nullcontext(lambda seen: print(_text(seen), flush=True))
    if sys.stdout.isatty():
        from labelyard.launch.watching.screen import Screen

        return Screen()
    return nullcontext(_Lines())


class _Lines:
    """For logs: a line whenever something has changed."""

    def __init__(self) -> None:
        self._said = ""

    def __call__(self, seen: Overview) -> None:
        text = line(Progress(seen.items, seen.done, seen.quarantined, seen.images_per_second))
        if text != self._said:
            self._said = text
            print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def _text(seen: Overview) -> str:
    slurm = lines(seen.slurm, Path(seen.run)) if seen.slurm is not None else []
    return harmless("\n".join([table(seen), *_time(seen), *slurm]))


def _time(seen: Overview) -> list[str]:
    if not seen.spent:
        return []
    parts = [f"{name} {share:.0%}" for name, share in shares(seen.spent).items() if share >= 0.005]
    lines = [f"time         {', '.join(parts)}", f"bound by     {seen.bound_by}"]
    if seen.gpu_peak_bytes is not None:
        lines.append(f"GPU memory   at most {seen.gpu_peak_bytes / 1e9:.1f} GB at a time")
    return lines


if __name__ == "__main__":
    sys.exit(main())
