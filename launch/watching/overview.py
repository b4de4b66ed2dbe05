"""The numbers of `status`: of the run, its shards, its workers and its failures."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.standing import Standing
from labelyard.launch.slurm.jobs_overview import JobsSeen
from labelyard.launch.watching.progress import duration
from labelyard.launch.watching.time_spent import Failure
from labelyard.launch.watching.used import Used, used_by
from labelyard.launch.watching.used import lines as used_lines
from labelyard.launch.watching.workers import WorkerSeen, images_per_second, workers_of
from labelyard.utils.programs import call


@dataclass(frozen=True)
class Shards:
    all: int
    finished: int
    begun: int

    @property
    def waiting(self) -> int:
        return self.all - self.finished - self.begun


@dataclass(frozen=True)
class Reason:
    """A kind of failure."""

    reason: str
    items: int
    example: str


@dataclass(frozen=True)
class Overview:
    """Its fields are what `status --json` says; what is None at its end is left out there."""

    run: str
    items: int
    done: int
    quarantined: int
    pending: int
    gone: int  # finished records that were removed since; they are pending again
    duplicates: int
    instances: int
    shards: Shards
    images_per_second: float | None
    seconds_left: int | None
    workers: Sequence[WorkerSeen]
    used: Used  # by the steps, beside time: requests, tokens, cost
    reasons: Sequence[Reason]  # the most frequent first
    # What only status asks:
    spent: Mapping[str, float] = field(default_factory=dict)  # seconds of the workers by step, of late
    bound_by: str | None = None
    latest_failures: Sequence[Failure] = ()
    gpu_peak_bytes: int | None = None
    slurm: JobsSeen | None = None

    @property
    def share(self) -> float:
        """Of the items, how many have come to their end; 1 where there are none."""
        return (self.done + self.quarantined) / self.items if self.items else 1.0


MAY_BE_ABSENT = ("gpu_peak_bytes", "slurm")


def as_json(seen: Overview) -> dict[str, Any]:
    return {key: value for key, value in asdict(seen).items() if value is not None or key not in MAY_BE_ABSENT}


def overview(folder: RunFolder) -> Overview:
    plan = folder.read_plan()
    standing = Standing(folder)
    done = quarantined = instances = gone = 0
    reasons: Counter[str] = Counter()
    examples: dict[str, str] = {}
    begun = standing.begun()
    for number in (*sorted(standing.finished), *begun):
        counts = standing.counts(number)
        done, quarantined = done + counts.done, quarantined + counts.quarantined
        instances, gone = instances + counts.instances, gone + counts.gone
        for kind, (items, example) in counts.reasons.items():
            reasons[kind] += items
            examples.setdefault(kind, example)
    workers = workers_of(folder)
    rate = images_per_second(workers)
    pending = plan.items - done - quarantined
    return Overview(
        run=str(folder.path),
        items=plan.items,
        done=done,
        quarantined=quarantined,
        pending=pending,
        gone=gone,
        duplicates=plan.duplicates,
        instances=instances,
        shards=Shards(plan.shards, len(standing.finished), len(begun)),
        images_per_second=round(rate, 3) if rate else None,
        seconds_left=round(pending / rate) if rate and pending else None,
        workers=workers,
        used=used_by(folder),
        reasons=[Reason(kind, items, examples[kind]) for kind, items in reasons.most_common()],
    )


def table(seen: Overview) -> str:
    shards = seen.shards
    rate = f"{seen.images_per_second:.3g} images/s" if seen.images_per_second else _no_rate(seen.workers)
    left = f", {duration(seen.seconds_left)} left" if seen.seconds_left else ""
    lines = [
        f"run          {seen.run}",
        f"items        {seen.items}: {seen.done} done, {seen.quarantined} quarantined, "
        f"{seen.pending} pending ({100 * seen.share:.1f} %)",
        f"instances    {seen.instances}",
        f"shards       {shards.all}: {shards.finished} finished, {shards.begun} begun",
        f"speed        {'complete' if not seen.pending else rate + left}",
    ]
    if seen.gone:
        lines.append(
            f"gone         {seen.gone} of the pending were finished, and their records are gone since; to have them "
            f"made again: {call('retry')} {shlex.quote(seen.run)} --damaged, and the same command"
        )
    lines += used_lines(seen.used)
    lines += _worker_lines(seen.workers)
    for entry in seen.reasons[:5]:
        lines.append(f"quarantined  {entry.items:>6}  {entry.reason}   e.g. {entry.example[:100]}")
    if len(seen.reasons) > 5:
        lines.append(f"             and {len(seen.reasons) - 5} more reasons")
    return "\n".join(lines)


def _no_rate(workers: Sequence[WorkerSeen]) -> str:
    if any(worker.is_at_work for worker in workers):
        return "not known yet: no worker has brought its first images to their end"
    return "no worker is at work"


def _worker_lines(workers: Sequence[WorkerSeen]) -> list[str]:
    states = Counter(worker.shown_state for worker in workers)
    lines = [f"workers      {', '.join(f'{number} {state}' for state, number in states.most_common()) or 'none yet'}"]
    lively = [worker for worker in workers if worker.is_living]
    for worker in sorted(lively, key=lambda w: (not w.silent, w.overdue is None, w.rate or 0.0))[:10]:
        more = f"   on {worker.node}" if worker.node else ""
        more += f"   {trouble_of(worker)}" if trouble_of(worker) else ""
        rate = "      ?/s" if worker.rate is None else f"{worker.rate:>7.3g}/s"
        lines.append(f"  {worker.worker:<40} {worker.state:<9} {worker.done:>8} done  {rate}{more}")
    if len(lively) > 10:
        lines.append(f"  and {len(lively) - 10} faster ones")
    failed = Counter(worker.reason for worker in workers if worker.state == "failed")
    lines += [f"  {number} failed: {reason}" for reason, number in failed.most_common(3)]
    return lines


def trouble_of(worker: WorkerSeen) -> str:
    """Of a living worker: that it may be frozen, and what ends it, so that another does its work."""
    if not worker.is_living:
        return ""
    if worker.silent:
        what = f"silent for {duration(worker.seconds_since)}"
    elif worker.overdue is not None:
        what = f"no image for {duration(worker.overdue)}"
    else:
        return ""
    end = f"scontrol requeue {worker.job}" if worker.job else f"kill -9 {worker.pid}, on {worker.host}"
    return f"{what}; if it is frozen: {end}"
