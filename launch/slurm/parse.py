"""What squeue, sacct and scontrol print, as data. Pure; what makes no sense is left out, never an error."""

from __future__ import annotations

import re
from dataclasses import dataclass

SQUEUE_FORMAT = "%F|%K|%T|%N|%j|%r"  # the reason comes last: it is the one that may hold any character
SACCT_FORMAT = "JobID,State,ExitCode,NodeList,JobName"


@dataclass(frozen=True)
class Queued:
    """A line of squeue: tasks of one job in one state."""

    job: str  # of an array, the array's
    tasks: tuple[int, ...]  # empty if the job is no array
    state: str
    nodes: str
    name: str
    reason: str

    @property
    def number(self) -> int:
        return max(1, len(self.tasks))


@dataclass(frozen=True)
class Accounted:
    """A line of sacct: one life of a job, or of some tasks of an array."""

    job: str
    tasks: tuple[int, ...]
    state: str
    exit_code: str
    nodes: str
    name: str


def read_squeue(output: str) -> list[Queued]:
    found = []
    for line in output.splitlines():
        parts = line.strip().split("|", 5)
        if len(parts) == 6 and parts[0].isdigit():
            job, tasks, state, nodes, name, reason = parts
            found.append(Queued(job, indices(tasks), state, _none(nodes), name, _none(reason)))
    return found


def read_sacct(output: str) -> list[Accounted]:
    """Of `sacct --parsable2 --noheader`. Steps (123.batch) are left out; their job is in the list as well."""
    found = []
    for line in output.splitlines():
        parts = line.strip().split("|")
        if len(parts) < 5:
            continue
        job, _, tasks = parts[0].partition("_")
        if not job.isdigit() or "." in tasks:
            continue
        state = parts[1].partition(" ")[0]  # 'CANCELLED by 1000'
        found.append(Accounted(job, indices(tasks), state, parts[2], _none(parts[3]), parts[4]))
    return found


def indices(text: str) -> tuple[int, ...]:
    """`7`, `[4-99%8]`, `[0-15:4,20]`; a list that SLURM cut short ('[1,3,5,...]') gives what it still shows."""
    found: list[int] = []
    for part in text.partition("%")[0].strip("[]").split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+)(?::(\d+))?)?", part.strip())
        if match is None:
            continue
        first, last = int(match[1]), int(match[2] or match[1])
        found += range(first, min(last, first + MOST_TASKS) + 1, int(match[3] or 1))
    return tuple(found)


MOST_TASKS = 4_000_001  # SLURM's own limit of MaxArraySize


def read_config(output: str, key: str) -> str | None:
    """A value of `scontrol show config`."""
    match = re.search(rf"^{key}\s*=\s*(.*?)\s*$", output, re.MULTILINE)
    return match[1] if match else None


def _none(text: str) -> str:
    return "" if text in ("(null)", "None", "None assigned", "N/A") else text
