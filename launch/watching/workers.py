"""The workers of a run as they are heard of now, and how fast they are together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from labelyard.generate.run_folder.claims import HEARTBEAT, Owner
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.workers import read_presence
from labelyard.utils.atomic import server_clock

SILENT_AFTER = 4 * HEARTBEAT  # a worker that has said nothing for so long has probably vanished
LIVING = ("starting", "working")


@dataclass(frozen=True)
class WorkerSeen:
    """Its fields are what `status --json` says of a worker."""

    worker: str
    host: str
    pid: int
    here: bool  # on this machine
    node: str
    job: str  # as scontrol takes it
    state: str
    reason: str
    done: int
    quarantined: int
    rate: float | None  # images per second; None until its first images have come to their end
    overdue: float | None  # seconds for which it has ended no image, where that is too long
    silent: bool
    said_at: float  # by its own clock
    seconds_since: float

    @property
    def shown_state(self) -> str:
        return "silent" if self.silent else self.state

    @property
    def is_living(self) -> bool:
        """By its own word."""
        return self.state in LIVING

    @property
    def is_at_work(self) -> bool:
        return self.is_living and not self.silent


def workers_of(folder: RunFolder) -> list[WorkerSeen]:
    return [_worker(state, now) for state, now in _with_time(folder)]


def images_per_second(workers: Iterable[WorkerSeen]) -> float | None:
    """Of all that work now; None until one of them has brought its first images to their end.

    One that works and has none yet is taken to be as fast as the others: they would seem twice as fast otherwise when
    the second of two ends its first batch.
    """
    rates = [worker.rate for worker in workers if worker.state == "working" and not worker.silent]
    known = [rate for rate in rates if rate is not None]
    return sum(known) * len(rates) / len(known) if known else None


def _with_time(folder: RunFolder) -> list[tuple[dict[str, Any], float]]:
    """What every worker said, and what the time would now be on its own clock. Hosts disagree about the time, so the
    age of its word is read off the file server's clock."""
    clock = server_clock(folder.workers)
    seen = []
    for state in read_presence(folder):
        try:
            written = (folder.workers / f"{state['worker']}.json").stat().st_mtime
        except FileNotFoundError:
            continue
        seen.append((state, state["at"] + max(0.0, clock - written)))
    return seen


def _worker(state: dict[str, Any], now: float) -> WorkerSeen:
    owner = Owner(**{field.name: state[field.name] for field in fields(Owner)})
    if state["state"] in LIVING and owner.is_gone():
        state = {**state, "state": "vanished", "reason": "the process is gone without a last word"}
    slurm = state.get("slurm", {})
    return WorkerSeen(
        worker=state["worker"],
        host=state["host"],
        pid=state["pid"],
        here=owner.is_here(),
        node=slurm.get("SLURMD_NODENAME", ""),
        job=_job(slurm),
        state=state["state"],
        reason=state["reason"],
        done=state.get("done", 0),
        quarantined=state.get("failed", 0),
        rate=state.get("rate"),
        overdue=state.get("overdue"),
        silent=state["state"] in LIVING and now - state["at"] > SILENT_AFTER,
        said_at=state["at"],
        seconds_since=round(now - state["at"], 1),
    )


def _job(slurm: dict[str, str]) -> str:
    """As scontrol takes it: 12, 12_3."""
    array, task = slurm.get("SLURM_ARRAY_JOB_ID"), slurm.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array and task else slurm.get("SLURM_JOB_ID", "")
