"""What SLURM knows of a run's workers, beside what the run folder knows: for status. Asks seldom, does with less."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.workers import read_presence
from labelyard.launch.exit_codes import INCOMPLETE
from labelyard.launch.slurm.advice import advice
from labelyard.launch.slurm.commands import Unreachable, accounts
from labelyard.launch.slurm.jobs import MERGE, WORKERS, read_submissions
from labelyard.launch.slurm.logs import word_of_setup
from labelyard.launch.slurm.own_jobs import names_of, queued
from labelyard.launch.slurm.parse import Accounted, Queued

ASK_QUEUE, ASK_ACCOUNTS = 15.0, 60.0  # seconds between two questions of one who watches
ENDED_BADLY = ("FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "TIMEOUT", "BOOT_FAIL", "DEADLINE")
UNKNOWN = "UNKNOWN"
RUNNING = ("RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED")
ALIVE = ("PENDING", *RUNNING)  # of them squeue knows more


@dataclass(frozen=True)
class Held:
    """Tasks that wait for a person."""

    job: str  # as scontrol takes it
    tasks: int
    state: str
    reason: str


@dataclass(frozen=True)
class Failed:
    """A task that ended badly."""

    job: str
    nodes: str
    state: str
    reason: str


@dataclass(frozen=True)
class MergeJob:
    job: str
    state: str


@dataclass(frozen=True)
class JobsSeen:
    """Its fields are what `status --json` says under `slurm`."""

    reachable: bool
    troubles: Mapping[str, str]  # what could not be asked, and why
    states: Mapping[str, int]
    pending_because: Mapping[str, int]
    nodes: Mapping[str, Mapping[str, int]]
    bad_nodes: list[str]
    held: list[Held]
    failed: list[Failed]
    merge: list[MergeJob]


@dataclass
class Look:
    """One who looks, once or again and again."""

    folder: RunFolder
    _queue: list[Queued] = field(default_factory=list)
    _accounts: list[Accounted] = field(default_factory=list)
    _asked: dict[str, float] = field(default_factory=dict)
    _troubles: dict[str, str] = field(default_factory=dict)

    def look(self) -> JobsSeen | None:
        """None if this run has no jobs that the launcher submitted."""
        submissions = read_submissions(self.folder)
        if not submissions:
            return None
        ids = [job.id for submission in submissions for job in submission.jobs]
        names = {name for submission in submissions for name in names_of(submission)}
        if self._due("squeue", ASK_QUEUE):
            with self._troubled("squeue"):
                self._queue = queued(self.folder)
        if "squeue" not in self._troubles and self._due("sacct", ASK_ACCOUNTS):
            with self._troubled("sacct"):
                self._accounts = [life for life in accounts(ids) if life.name in names and life.state not in ALIVE]
        if not ids and not self._queue:
            return None
        tasks = {
            f"{job.id}_{number}"
            for submission in submissions
            for job in submission.jobs
            if job.kind == WORKERS
            for number in range(job.tasks)
        }
        merges = {job.id for submission in submissions for job in submission.jobs if job.kind == MERGE}
        presence = read_presence(self.folder)
        word = partial(word_of_setup, self.folder)
        return seen(tasks, merges, self._queue, self._accounts, presence, dict(self._troubles), word)

    def _due(self, what: str, every: float) -> bool:
        now = time.monotonic()
        if now - self._asked.get(what, -every) < every:
            return False
        self._asked[what] = now
        return True

    def _troubled(self, what: str) -> _Trouble:
        return _Trouble(self._troubles, what)


@dataclass
class _Trouble:
    """Notes that SLURM could not be asked, and goes on."""

    troubles: dict[str, str]
    what: str

    def __enter__(self) -> None:
        self.troubles.pop(self.what, None)

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> bool:
        if isinstance(error, Unreachable):
            self.troubles[self.what] = str(error)
            return True
        return False


def seen(
    tasks: set[str],
    merges: set[str],
    queue: list[Queued],
    accounted: list[Accounted],
    presence: list[dict[str, Any]],
    troubles: dict[str, str],
    word_of_setup: Callable[[str], str] = lambda task: "",
) -> JobsSeen:
    """All of it, from what was asked."""
    lives = [state for state in presence if state["slurm"].get("SLURM_ARRAY_JOB_ID")]
    lived = {task_of(state) for state in lives} | {key for life in accounted for key in keys(life)}
    states: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    nodes: dict[str, Counter[str]] = defaultdict(Counter)
    held, in_queue = list[Held](), set[str]()
    for job in (job for job in queue if job.job not in merges):
        in_queue.update(keys(job))
        kind = state_of(job, lived)
        states[kind] += job.number
        if kind in ("pending", "requeued"):
            reasons[job.reason or "None"] += job.number
        elif kind == "held":
            held.append(Held(expression(job), job.number, job.state, job.reason))
        else:
            nodes[job.nodes]["running"] += job.number
    last = {key: life for life in accounted if life.job not in merges for key in keys(life)}
    failed = list[Failed]()
    for key in sorted(tasks - in_queue, key=_by_number):
        if "squeue" in troubles and key not in last:
            continue  # it may well be in the queue
        state = last[key].state if key in last else _own_word(key, lives)
        word = word_of_setup(key) if state in (*ENDED_BADLY, UNKNOWN) else ""
        state = "FAILED" if word and state == UNKNOWN else state
        states[state.lower()] += 1
        if state in ENDED_BADLY:
            reason = word or _reason(key, lives)
            failed.append(Failed(key, _node(key, last, lives), state, reason))
    for node, what in _troubles_of_nodes(accounted, lives, merges):
        nodes[node][what] += 1
    return JobsSeen(
        reachable="squeue" not in troubles,
        troubles=troubles,
        states=dict(states),
        pending_because=dict(reasons),
        nodes={node: dict(counts) for node, counts in sorted(nodes.items()) if node},
        bad_nodes=[node for node, counts in sorted(nodes.items()) if node and is_bad(counts)],
        held=held,
        failed=failed,
        merge=_merge(merges, queue, accounted),
    )


def state_of(job: Queued, lived: set[str]) -> str:
    if advice(job.state, job.reason) is not None and job.state not in RUNNING:
        return "held"
    if job.state != "PENDING":
        return "running"
    return "requeued" if lived.intersection(keys(job)) else "pending"


def is_bad(counts: Counter[str]) -> bool:
    """A node that died, or on which workers fail again and again and none gets anywhere."""
    return counts["node failures"] > 0 or (counts["failed"] > 1 and not counts["fruitful"])


def keys(job: Queued | Accounted) -> list[str]:
    return [f"{job.job}_{number}" for number in job.tasks] or [job.job]


def expression(job: Queued) -> str:
    """As scontrol takes it: 12, 12_3, 12_[0-7,9]."""
    if len(job.tasks) < 2:
        return keys(job)[0]
    spans: list[list[int]] = []
    for number in sorted(job.tasks):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return f"{job.job}_[{','.join(f'{a}-{b}' if b > a else f'{a}' for a, b in spans)}]"


def task_of(state: dict[str, Any]) -> str:
    return f"{state['slurm']['SLURM_ARRAY_JOB_ID']}_{state['slurm'].get('SLURM_ARRAY_TASK_ID', '')}"


def _troubles_of_nodes(
    accounted: list[Accounted], lives: list[dict[str, Any]], merges: set[str]
) -> Iterator[tuple[str, str]]:
    for state in lives:
        node = state["slurm"].get("SLURMD_NODENAME", "")
        if state["state"] == "failed":
            yield node, "failed"
        elif state.get("done", 0) > 0:
            yield node, "fruitful"
    spoken = {task_of(state) for state in lives}
    for life in accounted:
        if life.job in merges:
            continue
        if life.state == "NODE_FAIL":
            yield life.nodes, "node failures"
        elif life.state in ENDED_BADLY and not spoken.intersection(keys(life)):
            yield life.nodes, "failed"  # before its worker could say a word


def _lives_of(key: str, lives: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted((state for state in lives if task_of(state) == key), key=lambda state: state["began"])


def _own_word(key: str, lives: list[dict[str, Any]]) -> str:
    """How a task ended by its worker's own last word, where SLURM has none."""
    own = _lives_of(key, lives)
    words = {"finished": "COMPLETED", "failed": "FAILED", "stopped": "STOPPED"}
    return words.get(own[-1]["state"], "GONE") if own else UNKNOWN


def _reason(key: str, lives: list[dict[str, Any]]) -> str:
    own = [state for state in _lives_of(key, lives) if state["state"] == "failed"]
    return str(own[-1]["reason"]) if own else ""


def _node(key: str, last: dict[str, Accounted], lives: list[dict[str, Any]]) -> str:
    if key in last and last[key].nodes:
        return last[key].nodes
    own = _lives_of(key, lives)
    return str(own[-1]["slurm"].get("SLURMD_NODENAME", "")) if own else ""


def _merge(merges: set[str], queue: list[Queued], accounted: list[Accounted]) -> list[MergeJob]:
    waiting = {job.job: f"{job.state.lower()} ({job.reason or 'None'})" for job in queue if job.job in merges}
    ended = {life.job: _of_merge(life) for life in accounted if life.job in merges}
    return [MergeJob(job, waiting.get(job, ended.get(job, "unknown"))) for job in sorted(merges, key=int)]


def _of_merge(life: Accounted) -> str:
    # Of jsons2txt: it did its work, and said what is missing. A job behind it by afterok relies on that.
    incomplete = life.state == "FAILED" and life.exit_code.startswith(f"{INCOMPLETE}:")
    return "completed, with items quarantined or pending" if incomplete else life.state.lower()


def _by_number(key: str) -> tuple[int, int]:
    job, _, task = key.partition("_")
    return int(job), int(task or 0)
