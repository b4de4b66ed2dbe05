"""The options of `cluster=slurm`. Nothing of any site is in the code: what a site wants is said here."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from labelyard.generate.settings import setting
from labelyard.utils.errors import UserError

STOP_BEFORE = 120  # seconds; SLURM may send the signal up to a minute earlier


@dataclass(kw_only=True)
class MergeJob:
    """The job behind the workers. What is null is as for the workers; it has no GPU."""

    partition: str | None = None  # as in sbatch
    account: str | None = None  # as in sbatch
    qos: str | None = None  # as in sbatch
    constraint: str | None = None  # as in sbatch
    cpus_per_task: int | None = setting(1, least=1, most=10_000)  # of the job
    mem: str | None = None  # as in sbatch
    time: str | None = None  # as in sbatch
    sbatch_args: list[str] = field(default_factory=list)  # as in sbatch


@dataclass(kw_only=True)
class Options:
    num_jobs: int = setting(1, least=1, most=1_000_000)  # tasks of the array
    max_running: int | None = setting(None, least=1, most=1_000_000)  # of them at the same time
    successors: int = setting(0, least=0, most=1000)  # further arrays, each behind the one before, that do what is left
    wait: bool = False  # follow the progress until the jobs have ended
    requeue: bool = True  # when preempted, on node failure, and at the time limit
    # seconds ahead of the time limit; null: two minutes, or a quarter of a short limit
    stop_before: int | None = setting(None, least=1, most=65_535)
    name: str | None = None  # of the jobs; null: the run folder's

    partition: str | None = None  # as in sbatch
    account: str | None = None  # as in sbatch
    qos: str | None = None  # as in sbatch
    constraint: str | None = None  # as in sbatch
    gres: str | None = None  # instead of gpus_per_node
    gpus_per_node: int | None = setting(
        None, least=0, most=1000
    )  # null: those of one worker, if gres does not say otherwise
    gpus_per_worker: int = setting(1, least=1, most=64)  # for a step that spreads one model over several
    gpu_type: str | None = None  # with gpus_per_node: a100, …
    nodes: int = setting(1, least=1, most=100_000)  # of each array task
    tasks_per_node: int | None = setting(None, least=1, most=10_000)  # workers; null: as many as the GPUs suffice for
    cpus_per_task: int | None = setting(None, least=1, most=10_000)  # of each worker
    mem: str | None = None  # of each node, such as 64G
    time: str | None = None  # minutes, or as SLURM writes it: 12:00:00, 2-00
    exclude: Any = None  # a node, a list of nodes, or "n[1-4],n7"
    nodelist: Any = None  # likewise
    comment: str | None = None  # as in sbatch
    reservation: str | None = None  # as in sbatch
    dependency: str | None = None  # of the first array

    setup: list[str] = field(default_factory=list)  # shell lines ahead of the workers: module load …, export …
    sbatch_args: list[str] = field(default_factory=list)  # whatever else the site wants: --mail-type=END, --exclusive
    srun_args: list[str] = field(default_factory=list)  # for the srun that starts a job's workers
    python: str | None = None  # the command that stands for python; null: this very one

    merge: MergeJob = field(default_factory=MergeJob)

    def __post_init__(self) -> None:
        if isinstance(self.merge, dict):  # as the configuration has it
            self.merge = MergeJob(**self.merge)
        self.exclude, self.nodelist = _joined(self.exclude), _joined(self.nodelist)
        for name, value in {"time": self.time, "merge.time": self.merge.time}.items():
            if value is not None:
                seconds_of(value, f"cluster.{name}")
        if self.gres is not None and self.gpus_per_node is not None:
            raise UserError(
                f"cluster.gres={self.gres} and cluster.gpus_per_node={self.gpus_per_node} say the same thing twice; "
                "give one of them"
            )
        if 0 < self.gpus < self.gpus_per_worker:
            raise UserError(
                f"cluster.gpus_per_worker={self.gpus_per_worker}: a node is asked for {self.gpus} GPUs alone; use "
                f"cluster.gpus_per_node={self.gpus_per_worker}"
            )
        as_parameters(self.sbatch_args, "cluster.sbatch_args")
        as_parameters(self.merge.sbatch_args, "cluster.merge.sbatch_args")

    @property
    def gpus(self) -> int:
        """GPUs of one array task on each of its nodes."""
        if self.gres is None:
            return self.gpus_per_worker if self.gpus_per_node is None else self.gpus_per_node
        found = re.findall(r"(?:^|,)(?:gres[:/])?gpu(?::[A-Za-z][^:,(]*)?(?::(\d+))?(?=$|[,(])", self.gres)
        return sum(int(number or 1) for number in found)

    @property
    def tasks(self) -> int:
        """Workers of one array task on each of its nodes."""
        return self.tasks_per_node or max(1, self.gpus // self.gpus_per_worker)

    @property
    def workers_of_a_job(self) -> int:
        return self.nodes * self.tasks

    @property
    def stop_seconds(self) -> int:
        if self.stop_before is not None:
            return self.stop_before
        limit = seconds_of(self.time, "cluster.time") if self.time is not None else None
        return STOP_BEFORE if limit is None else max(1, min(STOP_BEFORE, limit // 4))


# What would break the launcher's own lines if it came in by the back door.
OURS = {
    "array": "say cluster.num_jobs and cluster.max_running",
    "output": "logs go to the run folder's logs/",
    "error": "logs go to the run folder's logs/",
    "open-mode": "logs are appended, or a requeue would erase them",
    "signal": "say cluster.stop_before",
    "job-name": "say cluster.name",
    "requeue": "say cluster.requeue",
    "no-requeue": "say cluster.requeue",
    "dependency": "say cluster.dependency",
    "ntasks": "say cluster.nodes and cluster.tasks_per_node",
    "ntasks-per-node": "say cluster.tasks_per_node",
    "wrap": "the script is the launcher's",
    "parsable": "the launcher reads what sbatch prints",
    "wait": "say --wait",
}


def as_parameters(arguments: list[str], place: str) -> dict[str, Any]:
    """Arguments of sbatch (--mail-type=END, --exclusive) as names and values."""
    found: dict[str, Any] = {}
    for argument in arguments:
        key, equals, value = argument.removeprefix("--").partition("=")
        if not argument.startswith("--") or not re.fullmatch(r"[a-z][a-z0-9-]*", key):
            raise UserError(f"{place}: '{argument}' must read --name=value or --name, as in --mail-type=END")
        if key in OURS:
            raise UserError(f"{place}: --{key} is set by the launcher: {OURS[key]}")
        found[key] = value if equals else True
    return found


def _joined(nodes: Any) -> str | None:
    return ",".join(str(node) for node in nodes) if isinstance(nodes, list) else nodes


def seconds_of(limit: str, key: str) -> int | None:
    """A time limit as SLURM writes it, in seconds; None if it is none."""
    text = str(limit)
    if text.upper() in ("UNLIMITED", "INFINITE", "0"):
        return None
    found = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", text)
    if found is None:
        raise UserError(f"{key}={limit}: give minutes (90), 12:00:00, or days and hours (2-00, 2-12:30:00)")
    days, first, second, third = (int(part) if part is not None else None for part in found.groups())
    assert first is not None
    if days is not None:
        return ((days * 24 + first) * 60 + (second or 0)) * 60 + (third or 0)
    if third is not None:
        return (first * 60 + (second or 0)) * 60 + third
    return first * 60 + (second or 0)
