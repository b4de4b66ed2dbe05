"""What to do about jobs that wait for a person, by SLURM's own word for why.

Tried on SLURM 22.05: `scontrol release` ends without an error for each of them, and does nothing except where a hold is
all there is. Once what is wrong is updated, the job starts by itself.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass


@dataclass(frozen=True)
class Advice:
    reason: str  # a pattern for squeue's reason, from its start
    command: str = ""  # that helps; {job} stands for the job
    word: str = ""  # what else there is to say
    setting: str = ""  # what to say otherwise at the next start, if ending these jobs is a way out too

    def told(self, job: str, cancel: str) -> str:
        """In a line; `cancel` is the command that ends the run's jobs."""
        parts = [self.command.format(job=shlex.quote(job), update=f"scontrol update {shlex.quote(f'JobId={job}')}")]
        parts += [f"({self.word})" if self.command else self.word] if self.word else []
        text = "   ".join(part for part in parts if part)
        return f"{text}; or {cancel}, and start again with another {self.setting}" if self.setting else text


HELD = Advice(r".*\bheld\b|JobHeldUser|JobHoldMaxRequeue", "scontrol release {job}")
TABLE = (
    Advice("JobHeldAdmin", word="only an administrator can release it: ask there"),
    HELD,
    Advice(
        "DependencyNeverSatisfied", "{update} Dependency=", "starts without what it waited for", "cluster.dependency"
    ),
    Advice("BadConstraints", "{update} Features=", "what nodes have: sinfo -o '%N %f'", "cluster.constraint"),
    Advice(
        "InvalidAccount|AccountNotAllowed",
        "{update} Account=…", "yours: sacctmgr show assoc user=$USER format=account", "cluster.account",
    ),
    Advice(
        "InvalidQOS|QOSNotAllowed",
        "{update} QOS=…", "yours: sacctmgr show assoc user=$USER format=account,qos", "cluster.qos",
    ),
    Advice(
        "PartitionTimeLimit|QOSMaxWallDurationPerJobLimit|AssocMaxWallDurationPerJobLimit|QOSTimeLimit",
        "{update} TimeLimit=…", "what a partition allows: sinfo -o '%P %l'", "cluster.time",
    ),
    Advice("ReservationDeleted", "{update} ReservationName=", "starts without a reservation", "cluster.reservation"),
    Advice(r"(QOS|Assoc)(Max|Min)\w*Per(Job|Node)", word="it asks for more than one job may have", setting="request"),
)  # fmt: skip


def advice(state: str, reason: str) -> Advice | None:
    """None if the job needs nobody: it starts by itself some day."""
    if state in ("REQUEUE_HOLD", "SPECIAL_EXIT"):
        return HELD
    return next((entry for entry in TABLE if re.match(entry.reason, reason)), None)


def what_to_do(job: str, state: str, reason: str, cancel: str) -> str:
    found = advice(state, reason)
    return found.told(job, cancel) if found else ""
