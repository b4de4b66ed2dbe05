"""The one place that asks SLURM: with time limits, few words, and a plain answer when it can't be reached."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from labelyard.launch.slurm.parse import (
    SACCT_FORMAT,
    SQUEUE_FORMAT,
    Accounted,
    Queued,
    read_config,
    read_sacct,
    read_squeue,
)

PATIENCE = 30.0  # seconds


class Unreachable(Exception):
    """SLURM's program is not here, does not answer, or refuses."""


def ask(command: Sequence[str], patience: float = PATIENCE) -> str:
    # By default SLURM cuts lists of array indices at 64 characters.
    environment = {**os.environ, "SLURM_BITSTR_LEN": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=patience, errors="replace"
        )
    except FileNotFoundError:
        raise Unreachable(f"there is no {command[0]} on this machine") from None
    except subprocess.TimeoutExpired:
        raise Unreachable(f"{command[0]} did not answer within {patience:g} s") from None
    if done.returncode:
        words = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise Unreachable(f"{command[0]}: {words[-1]}")
    return done.stdout


def queue(ids: Sequence[str], names: Sequence[str] = ()) -> list[Queued]:
    """The jobs that are pending or running, out of these ids or with these names (not both at once)."""
    if not ids and not names:
        return []
    wanted = ["--jobs", ",".join(ids)] if ids else ["--name", ",".join(names)]
    try:
        return read_squeue(ask(["squeue", "--noheader", *wanted, "--format", SQUEUE_FORMAT]))
    except Unreachable as error:
        if "Invalid job id" in str(error):
            return []  # ended so long ago that SLURM has forgotten it
        raise


def accounts(ids: Sequence[str]) -> list[Accounted]:
    """Every life of these jobs, from the accounting, if the site has one."""
    command = ["sacct", "--noheader", "--parsable2", "--allocations", "--duplicates", "--format", SACCT_FORMAT]
    return read_sacct(ask([*command, "--jobs", ",".join(ids)])) if ids else []


def settings() -> str:
    return ask(["scontrol", "show", "config"])


def max_array_size(config: str) -> int:
    found = read_config(config, "MaxArraySize")
    return int(found) if found and found.isdigit() else 1001  # SLURM's default


def cluster_name(config: str) -> str:
    return read_config(config, "ClusterName") or ""
