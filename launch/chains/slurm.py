"""The stages of a chain on SLURM. Each is started by a small job behind the jobs of the stages that it needs. That job
gives the same command again, for its stage alone: nothing waits on the login node.

A stage that needs several has such a job behind each of them; the one that finds all of them complete starts it. Who
starts stages is one process at a time (`planning`), and what is at work already is not started again, so that a job
that is requeued, or a command that is given again, does no harm.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from getpass import getuser
from pathlib import Path
from typing import Any

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.launch.chains.local import heading
from labelyard.launch.chains.plan import Chain, Stage
from labelyard.launch.chains.standing import stand
from labelyard.launch.clusters.base import Cluster
from labelyard.launch.clusters.slurm import Slurm
from labelyard.launch.exit_codes import DONE, FAILED
from labelyard.launch.merging.summary import to_type
from labelyard.launch.planning.plan_lock import planning
from labelyard.launch.slurm.commands import Unreachable
from labelyard.launch.slurm.jobs import MERGE, NEXT, Job, Submission, forget_submission, read_submissions, scripts_of
from labelyard.launch.slurm.jobs import write_submission as write
from labelyard.launch.slurm.own_jobs import queued
from labelyard.launch.slurm.preview import titled
from labelyard.launch.slurm.script import ROOT, log_of, merge_parameters, text
from labelyard.launch.slurm.submit import Refused, after, new_name, now, sbatch
from labelyard.launch.starting.start import start
from labelyard.utils.errors import UserError

Ended = Callable[["Chain"], None]
END = "the end"  # what the last small job starts, where there is something to be done behind the last stage


@dataclass(frozen=True)
class Again:
    """The command line that means this chain, for the small jobs to give; and what is to be done when a stage has come
    to its end."""

    arguments: tuple[str, ...]
    where: Path  # it was given
    program: str = "chain"
    ended: Ended | None = None

    def for_stage(self, stage: str) -> str:
        words = [sys.executable, "-u", str(ROOT / "launch" / f"{self.program}.py"), *self.arguments, "--next", stage]
        return f"cd {shlex.quote(str(self.where))} && exec {shlex.join(words)}"


def start_on_slurm(chain: Chain, again: Again) -> int:
    """Start what can be started now, and put the jobs behind it that start the rest."""
    with planning(chain.folder.jobs):
        code = _advance(chain, again, [stage.name for stage in chain.stages])
    if code == DONE:
        print(
            f"look         {to_type('status', chain.folder.path)}\nend them     {to_type('cancel', chain.folder.path)}"
        )
    return code


def start_next(chain: Chain, again: Again, name: str) -> int:
    """What a small job does: look whether the stages before this one are complete, and start it."""
    if again.ended is not None:
        again.ended(chain)
    if name == END:
        return DONE
    with planning(chain.folder.jobs):
        for need in chain.stage(name).needs:
            before = chain.stage(need)
            now = stand(before.folder)
            if now.complete:
                continue
            if at_work(before.folder) or not now.items:
                print(f"{name} waits for {need} as well ({now.told()}), and is started behind it")
                return DONE
            raise UserError(
                f"{name} is not started: {need} is not complete, and no job of it is left ({now.told()}). Why: "
                f"{to_type('status', before.folder.path)}. The chain's own command goes on with all of it"
            )
        return _advance(chain, again, [name])


def _advance(chain: Chain, again: Again, names: Sequence[str]) -> int:
    """Start those of these stages that can be started. Where one has nothing left to do, those behind it can be."""
    wanted = set(names)
    for stage in chain.stages:
        if stage.name not in wanted:
            continue
        if not all(stand(chain.stage(need).folder).complete for need in stage.needs):
            continue  # a job behind what it needs starts it
        if _started(chain, stage) == FAILED:
            return FAILED
        behind = _ids_at_work(stage.folder)
        if behind:
            for following in chain.needing(stage.name):
                _ensure_next(chain, following.name, following.cluster, behind, again)
            if again.ended is not None and not chain.needing(stage.name):
                _ensure_next(chain, END, stage.cluster, behind, again)
        elif stand(stage.folder).complete:
            wanted.update(following.name for following in chain.needing(stage.name))
    return DONE


def _started(chain: Chain, stage: Stage) -> int:
    print(heading(chain, stage), flush=True)
    if at_work(stage.folder):
        print("its jobs are in SLURM's queue already", flush=True)
        return DONE
    return start(stage.composed)


def at_work(folder: RunFolder) -> bool:
    """A start that was killed half-way does not count: it may lack workers, or the merge job."""
    whole = {submission.name for submission in read_submissions(folder) if submission.whole}
    return any(job.name in whole for job in _queued(folder))


def _ids_at_work(folder: RunFolder) -> list[str]:
    """The jobs whose end is the end of the stage, as far as SLURM will get with it."""
    ids = sorted({job.job for job in _queued(folder)}, key=int)
    if ids or stand(folder).complete:
        return ids
    submissions = read_submissions(folder)  # all of it has ended since it was submitted a moment ago
    return [job.id for job in submissions[-1].jobs if job.kind == MERGE] if submissions else []


def _queued(folder: RunFolder) -> list[Any]:
    try:
        return queued(folder)
    except Unreachable as error:
        raise UserError(f"{error}. Give the command where SLURM can be asked") from None


def _ensure_next(chain: Chain, name: str, cluster: Cluster, behind: Sequence[str], again: Again) -> None:
    """A small job for this stage behind these jobs, unless there is one already."""
    jobs = chain.folder.jobs
    waiting = {job.job for job in _queued(jobs)}
    for submission in read_submissions(jobs):
        for job in submission.jobs:
            if job.id in waiting and job.kind == kind_of(name) and job.behind == after(list(behind)):
                return
    job = submit_next(chain, name, cluster, behind, again)
    what = "writes the results" if name == END else f"starts {name}"
    print(f"  {job.id}  {what}, behind {', '.join(behind)}", flush=True)


def submit_next(chain: Chain, name: str, options: Cluster, behind: Sequence[str], again: Again) -> Job:
    jobs = chain.folder.jobs
    assert isinstance(options, Slurm)
    named = replace(options, name=job_name(chain, options, name))
    submission = Submission(new_name(named, jobs), getuser(), "", now())
    dependency = after(list(behind))
    write(jobs, submission)
    try:
        given = parameters(options, jobs, submission.name, dependency)
        job_id = sbatch(scripts_of(jobs, submission), given, again.for_stage(name))
    except Refused as refused:
        if "timed out" not in str(refused).lower():  # else SLURM may have taken it; its name then betrays it
            forget_submission(jobs, submission)
        raise UserError(
            f"sbatch refused the job that starts {name}: {refused}\nWhat was submitted before it goes on. When "
            "it has ended, or once SLURM takes jobs again, the same command goes on with the rest"
        ) from None
    job = Job(job_id, kind_of(name), behind=dependency)
    write(jobs, replace(submission.with_job(job), whole=True))
    return job


def parameters(options: Slurm, jobs: RunFolder, name: str, dependency: str) -> dict[str, Any]:
    """It needs as much as a merge job: a CPU and some minutes."""
    found = merge_parameters(options, jobs.path, name, dependency)
    found["additional_parameters"] |= {"output": log_of(jobs.path, f"{NEXT}-%j")}
    return found


def next_script(chain: Chain, stage: Stage, again: Again) -> str:
    """What sbatch would get, with a word in the place of what is not known yet."""
    options, jobs = stage.cluster, chain.folder.jobs
    assert isinstance(options, Slurm)
    behind = after([f"<merge of {need}>" for need in stage.needs[:1]])
    given = parameters(options, jobs, f"{job_name(chain, options, stage.name)}-<unique>", behind)
    return titled(f"the job that starts {stage.name}", text(given, again.for_stage(stage.name), jobs.path / "slurm"))


def job_name(chain: Chain, options: Slurm, stage: str) -> str:
    return f"{options.name or chain.folder.path.name}-{stage.replace(' ', '-')}-{NEXT}"


def kind_of(stage: str) -> str:
    return f"{NEXT} {stage}"
