"""The jobs of a run, written down in its folder: slurm/<submission>.json, one file per submission, beside a folder of
that name with the scripts that sbatch got.

A submission is written down before the first sbatch, under a job name that nobody else has, and again after every
sbatch. Whatever is killed in between, its jobs are found: by their ids, or by that name.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.utils.atomic import write_atomic

WORKERS, MERGE = "workers", "merge"
NEXT = "next"  # of a chain, before the name of the stage that the job starts


@dataclass(frozen=True)
class Job:
    """A job that sbatch took: an array of workers, or a merge job."""

    id: str
    kind: str
    first: int = 0  # the index, in its submission, of the array's first task
    tasks: int = 1
    behind: str | None = None  # the dependency that it was given


@dataclass(frozen=True)
class Submission:
    name: str  # of its jobs
    user: str
    cluster: str
    at: str
    whole: bool = False  # every sbatch of it was answered
    jobs: tuple[Job, ...] = ()

    def with_job(self, job: Job) -> Submission:
        return replace(self, jobs=(*self.jobs, job))


def write_submission(folder: RunFolder, submission: Submission, file: str | None = None) -> None:
    place(folder).mkdir(exist_ok=True)
    write_atomic(
        place(folder) / f"{file or submission.name}.json", (json.dumps(asdict(submission), indent=2) + "\n").encode()
    )


def forget_submission(folder: RunFolder, submission: Submission) -> None:
    """Of which SLURM took nothing."""
    shutil.rmtree(scripts_of(folder, submission), ignore_errors=True)
    (place(folder) / f"{submission.name}.json").unlink()


def read_submissions(folder: RunFolder) -> list[Submission]:
    """The earliest first."""
    return sorted(_read(folder), key=lambda submission: submission.at)


def _read(folder: RunFolder) -> Iterator[Submission]:
    for path in place(folder).glob("*.json"):
        if not path.name.startswith("."):
            found = json.loads(path.read_bytes())
            yield Submission(**{**found, "jobs": tuple(Job(**job) for job in found["jobs"])})


def place(folder: RunFolder) -> Path:
    return folder.path / "slurm"


def scripts_of(folder: RunFolder, submission: Submission) -> Path:
    """Of each submission alone: another may be made at the same moment."""
    return place(folder) / submission.name


MERGE_SUFFIX = "-merge"


def merge_name(name: str) -> str:
    return name + MERGE_SUFFIX
