"""What SLURM knows of a run, in lines for people."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from labelyard.launch.merging.summary import short
from labelyard.launch.slurm.advice import what_to_do
from labelyard.launch.slurm.jobs_overview import JobsSeen
from labelyard.launch.slurm.logs import last_line, log_of_task
from labelyard.utils.programs import call

SHOWN = 10
WORDS = {"failed": "failed lives"}


def lines(found: JobsSeen, run: Path) -> list[str]:
    text = [f"slurm        {_states(found)}"]
    text += [f"  not asked  {why}" for why in found.troubles.values()]
    text += _nodes(found)
    cancel = f"{call('cancel')} {shlex.quote(short(run))}"
    for job in found.held[:SHOWN]:
        what = what_to_do(job.job, job.state, job.reason, cancel)
        text.append(f"  held       {job.job} ({job.reason or job.state}) until a person acts: {what}")
    text += _more(found.held)
    text += failures(found, run)
    merge = "; ".join(f"{job.job} {job.state}" for job in found.merge[-3:])
    return [*text, f"  merge      {merge or 'no job'}"]


def failures(found: JobsSeen, run: Path) -> list[str]:
    """The tasks that ended badly, each with the reason."""
    text = []
    for job in found.failed[:SHOWN]:
        place = f" on {job.nodes}" if job.nodes else ""
        why = job.reason or last_line(log_of_task(run, job.job)) or "no word of why"
        text.append(f"  {job.state.lower():<10} {job.job}{place}: {why[:200]}")
    return text + _more(found.failed)


def _states(found: JobsSeen) -> str:
    pending = ", ".join(f"{reason} {number}" for reason, number in found.pending_because.items())
    parts = [f"{number} {state}" for state, number in found.states.items()]
    return (", ".join(parts) or "nothing known") + (f"   waiting for: {pending}" if pending else "")


def _nodes(found: JobsSeen) -> list[str]:
    bad = found.bad_nodes
    nodes = sorted(found.nodes.items(), key=lambda entry: (entry[0] not in bad, -entry[1].get("running", 0), entry[0]))
    text = []
    for node, counts in nodes[:SHOWN]:
        shown = [f"{number} {WORDS.get(what, what)}" for what, number in counts.items() if what != "fruitful"]
        if shown:
            text.append(f"  {node:<10} {', '.join(shown)}")
    if len(nodes) > SHOWN:
        text.append(f"  and {len(nodes) - SHOWN} more nodes")
    if bad:
        text.append(
            f"  avoid      {','.join(bad)}: 'cluster.exclude=[{','.join(bad)}]'   (sbatch --exclude={','.join(bad)})"
        )
    return text


def _more(entries: Sequence[object]) -> list[str]:
    return [f"             and {len(entries) - SHOWN} more"] if len(entries) > SHOWN else []
