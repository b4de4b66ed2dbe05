"""Who a worker is: a name that no other has, nor an earlier life of the same one, since files are named after it."""

from __future__ import annotations

import os
import socket
import time

from labelyard.generate.run_folder.claims import Owner

LIFE = "LABELYARD_LIFE"  # set by generate.task: how often the worker was started anew within one allocation


def identity() -> Owner:
    task, life = slurm_task()
    if task:
        return Owner.here(f"slurm-{task}-r{life}", task)
    moment = f"{time.time_ns() // 1_000_000:x}"[-7:]
    return Owner.here(f"{socket.gethostname()[:40]}-{os.getpid()}-{moment}")


def slurm_task() -> tuple[str, str]:
    """Which task of which SLURM job this is (the same after a requeue), and which of its lives.

    A life has the number of the requeue, and behind a dot that of the start within the allocation, if it is not the
    first: 0, 0.1, 0.2, then 1.
    """
    job = os.environ.get("SLURM_ARRAY_JOB_ID") or os.environ.get("SLURM_JOB_ID")
    if not job or "SLURM_PROCID" not in os.environ:
        return "", ""  # a shell within an allocation may start workers by hand; they are no tasks
    parts = [job, os.environ.get("SLURM_ARRAY_TASK_ID", ""), os.environ["SLURM_PROCID"]]
    life = os.environ.get("SLURM_RESTART_COUNT", "0")
    again = os.environ.get(LIFE, "0")
    return "_".join(part for part in parts if part), life if again == "0" else f"{life}.{again}"
