"""Submission: arrays of workers, successors behind them, and the merge job behind all of them."""

from __future__ import annotations

import getpass
import io
import os
import shlex
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.launch.slurm.arrays import Window, windows
from labelyard.launch.slurm.jobs import (
    MERGE,
    WORKERS,
    Job,
    Submission,
    forget_submission,
    merge_name,
    scripts_of,
    write_submission,
)
from labelyard.launch.slurm.options import Options
from labelyard.launch.slurm.script import array_parameters, merge_command, merge_parameters, worker_command
from labelyard.utils.errors import UserError
from labelyard.utils.programs import call


@dataclass(frozen=True)
class Site:
    """What was asked from the cluster."""

    name: str
    max_array_size: int


class Refused(Exception):
    """sbatch did not take a job."""


def submit(options: Options, folder: RunFolder, config: Path, site: Site) -> Submission:
    """Submit everything; on a refusal say which jobs stand and how to go on."""
    submission = Submission(new_name(options, folder), getpass.getuser(), site.name, now())
    write_submission(folder, submission)
    try:
        submission = _workers(options, folder, config, site, submission)
        submission = _merge(options, folder, submission)
    except _Halted as halted:
        raise UserError(_explained(options, folder, halted)) from None
    submission = replace(submission, whole=True)
    write_submission(folder, submission)
    return submission


@dataclass
class _Halted(Exception):
    reason: str
    so_far: Submission
    what: str


def plan_of_arrays(options: Options, site: Site) -> list[tuple[int, Window]]:
    """(generation, window) of every array: the first generation, then the successors."""
    found = windows(options.num_jobs, site.max_array_size, options.max_running)
    return [(generation, window) for generation in range(options.successors + 1) for window in found]


def _workers(options: Options, folder: RunFolder, config: Path, site: Site, submission: Submission) -> Submission:
    command = worker_command(options, folder.path, config)
    arrays = plan_of_arrays(options, site)
    behind: dict[int, list[str]] = {}
    for number, (generation, window) in enumerate(arrays, 1):
        earlier = behind.get(generation - 1)
        dependency = after(earlier) if earlier else options.dependency
        parameters = array_parameters(options, folder.path, submission.name, window, dependency)
        try:
            job_id = sbatch(scripts_of(folder, submission), parameters, command)
        except Refused as refused:
            raise _Halted(str(refused), submission, f"array {number} of {len(arrays)}") from None
        behind.setdefault(generation, []).append(job_id)
        submission = submission.with_job(Job(job_id, WORKERS, window.first, window.tasks, dependency))
        write_submission(folder, submission)
    return submission


def _merge(options: Options, folder: RunFolder, submission: Submission) -> Submission:
    dependency = after([job.id for job in submission.jobs])
    parameters = merge_parameters(options, folder.path, merge_name(submission.name), dependency)
    try:
        job_id = sbatch(scripts_of(folder, submission), parameters, merge_command(options, folder.path))
    except Refused as refused:
        raise _Halted(str(refused), submission, "the merge job") from None
    submission = submission.with_job(Job(job_id, MERGE, behind=dependency))
    write_submission(folder, submission)
    return submission


def _explained(options: Options, folder: RunFolder, halted: _Halted) -> str:
    """What stands, and what to do about it. A merge job is still put behind what stands, if there is something."""
    submission = halted.so_far
    lines = [f"sbatch refused {halted.what}: {halted.reason}"]
    merge_stands = False
    if submission.jobs and "merge" not in halted.what:
        try:
            submission = _merge(options, folder, submission)
            merge_stands = True
        except _Halted:
            lines.append("It refused the merge job behind the others as well.")
    run = shlex.quote(str(folder.path))
    if "timed out" in halted.reason.lower():
        # The record stays open, so that status and cancel look for such jobs by their name.
        lines.append(f"SLURM may have taken it all the same; what it has is shown by: {call('status')} {run}")
    elif submission.jobs:
        write_submission(folder, replace(submission, whole=True))
    else:
        forget_submission(folder, submission)
    if not submission.jobs:
        return "\n".join([*lines, "No job of this start stands. Mend what it says and give the same command again"])
    lines.append("These jobs stand, and can finish the run:")
    lines += [f"  {told(job)}" for job in submission.jobs]
    if not merge_stands:
        lines.append(f"When they have ended, merge: {call('jsons2txt')} {run}")
    lines.append(f"To end them: {call('cancel')} {run}   (scancel {' '.join(job.id for job in submission.jobs)})")
    lines.append("The same command, once SLURM takes jobs again, adds workers to the run")
    return "\n".join(lines)


def told(job: Job) -> str:
    """One job in words."""
    if job.kind == MERGE:
        return f"{job.id}  merge, behind the workers"
    indices = f"job {job.first}" if job.tasks == 1 else f"jobs {job.first} to {job.first + job.tasks - 1}"
    return f"{job.id}  workers: {indices}" + (f", behind {job.behind}" if job.behind else "")


def sbatch(scripts: Path, parameters: dict[str, Any], command: str) -> str:
    """Give one script to sbatch, through submitit, which keeps it in `scripts`; the job's id."""
    from submitit import SlurmExecutor
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    if shutil.which("sbatch") is None:
        raise Refused("there is no sbatch on this machine; is it a login node of the cluster?")
    scripts.mkdir(exist_ok=True)
    try:
        executor = SlurmExecutor(folder=scripts)
    except RuntimeError:
        raise Refused("there is no srun on this machine; is it a login node of the cluster?") from None
    # Its pickles are of no use here: they are put in place after sbatch, and a worker needs nothing but the run folder.
    executor.update_parameters(**parameters)
    said = io.StringIO()  # submitit prints sbatch's words itself before it raises them
    try:
        with _outside_of_jobs(), redirect_stderr(said):
            return executor._submit_command(command).job_id
    except (FailedJobError, FailedSubmissionError) as error:
        raise Refused(" ".join(str(error).split()) or said.getvalue().strip()) from None
    finally:
        for left in scripts.glob(".submission_file_*"):
            left.unlink()  # a link to <id>_submission.sh, or the script that was refused


@contextmanager
def _outside_of_jobs() -> Iterator[None]:
    """Given from within a job (an interactive one, say), its SLURM_… variables would pass on to the workers' srun."""
    kept = ("SLURM_CONF",)
    inside = {key: value for key, value in os.environ.items() if key.startswith("SLURM_") and key not in kept}
    for key in inside:
        del os.environ[key]
    try:
        yield
    finally:
        os.environ.update(inside)


def new_name(options: Options, folder: RunFolder) -> str:
    """A name for the jobs that nobody else has, and that people recognise."""
    readable = "".join(c if c.isalnum() or c in "._-" else "-" for c in options.name or folder.path.name)
    return f"{readable[:40]}-{uuid.uuid4().hex[:6]}"


def after(ids: list[str]) -> str:
    """Behind all of them, however they end: afterok would wait for ever behind one failed task."""
    return "afterany:" + ":".join(ids)


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
