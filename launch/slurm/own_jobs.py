"""Which of a run's jobs SLURM still has."""

from __future__ import annotations

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.launch.slurm.commands import queue
from labelyard.launch.slurm.jobs import Submission, merge_name, read_submissions
from labelyard.launch.slurm.parse import Queued


def queued(folder: RunFolder) -> list[Queued]:
    """Pending or running jobs of this run, and of nobody else: SLURM's numbers begin anew some day, names do not."""
    submissions = read_submissions(folder)
    names = {name for submission in submissions for name in names_of(submission)}
    ids = [job.id for submission in submissions for job in submission.jobs]
    found = queue(ids)
    # A start that was killed between sbatch and its note has jobs that only their name betrays.
    torn = [name for submission in submissions if not submission.whole for name in names_of(submission)]
    known = set(ids)
    found += [job for job in queue([], torn) if job.job not in known]
    return [job for job in found if job.name in names]


def submitted(folder: RunFolder) -> bool:
    return bool(read_submissions(folder))


def names_of(submission: Submission) -> tuple[str, str]:
    return submission.name, merge_name(submission.name)
