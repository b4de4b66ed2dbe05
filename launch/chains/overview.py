"""All of a chain at once: how each stage stands, which jobs start the next ones, and the running stages' own status."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.launch.chains.folder import ChainFolder, Frozen, FrozenChain
from labelyard.launch.chains.standing import Stand, stand
from labelyard.launch.slurm.commands import Unreachable
from labelyard.launch.slurm.jobs import NEXT, read_submissions
from labelyard.launch.slurm.own_jobs import queued
from labelyard.launch.slurm.parse import Queued
from labelyard.launch.watching.overview import Overview
from labelyard.launch.watching.overview import as_json as json_of_run
from labelyard.utils.text import harmless


@dataclass(frozen=True)
class StageSeen:
    stage: str
    run: str
    needs: tuple[str, ...]
    stand: Stand
    waits_for: tuple[str, ...]  # of what it needs
    starting: tuple[str, ...]  # the jobs that are to start it
    log: str | None  # of the job that was to start it, and has ended without
    status: Overview | None  # where it is begun and not complete


@dataclass(frozen=True)
class ChainSeen:
    chain: str
    name: str
    stages: tuple[StageSeen, ...]
    trouble: str | None  # why SLURM could not be asked

    @property
    def complete(self) -> bool:
        return all(stage.stand.complete for stage in self.stages)


def look(folder: ChainFolder, of_run: Callable[[RunFolder], Overview]) -> ChainSeen:
    chain = folder.read() or FrozenChain("")
    stands = {name: stand(folder.run(stage.folder)) for name, stage in chain.stages.items()}
    jobs, trouble = _waiting(folder)
    stages = tuple(_look(folder, name, frozen, stands, jobs, of_run) for name, frozen in chain.stages.items())
    return ChainSeen(str(folder.path), chain.name, stages, trouble)


def _look(
    folder: ChainFolder,
    name: str,
    frozen: Frozen,
    stands: Mapping[str, Stand],
    jobs: Mapping[str, list[Queued]],
    of_run: Callable[[RunFolder], Overview],
) -> StageSeen:
    now, run = stands[name], folder.run(frozen.folder)
    waits_for = tuple(need for need in frozen.needs if not stands[need].complete)
    starting = tuple(f"{job.job} ({job.state.lower()})" for job in jobs.get(name, []))
    idle = not now.items and not waits_for and not starting
    return StageSeen(
        name,
        str(run.path),
        frozen.needs,
        now,
        waits_for,
        starting,
        log=_last_log(folder, name) if idle else None,
        status=of_run(run) if now.items and not now.complete else None,
    )


def _waiting(folder: ChainFolder) -> tuple[Mapping[str, list[Queued]], str | None]:
    """The jobs that start stages, by stage, as far as SLURM can be asked."""
    kinds = {job.id: job.kind for submission in read_submissions(folder.jobs) for job in submission.jobs}
    found: dict[str, list[Queued]] = {}
    if not kinds:
        return found, None
    try:
        for job in queued(folder.jobs):
            found.setdefault(kinds.get(job.job, "").removeprefix(f"{NEXT} "), []).append(job)
    except Unreachable as error:
        return found, str(error)
    return found, None


def _last_log(folder: ChainFolder, stage: str) -> str | None:
    """Of the job that was to start a stage, and did not."""
    submissions = read_submissions(folder.jobs)
    ids = [job.id for submission in submissions for job in submission.jobs if job.kind == f"{NEXT} {stage}"]
    return str(folder.jobs.logs / f"slurm-{NEXT}-{ids[-1]}.log") if ids else None


def as_json(seen: ChainSeen) -> dict[str, Any]:
    return {
        "chain": seen.chain,
        "name": seen.name,
        "complete": seen.complete,
        "stages": [
            {
                "stage": stage.stage,
                "run": stage.run,
                "needs": list(stage.needs),
                **asdict(stage.stand),
                "pending": stage.stand.pending,
                "complete": stage.stand.complete,
                "waits_for": list(stage.waits_for),
                "starting": list(stage.starting),
                **({"log": stage.log} if stage.log else {}),
                **({"status": json_of_run(stage.status)} if stage.status else {}),
            }
            for stage in seen.stages
        ],
        **({"trouble": seen.trouble} if seen.trouble else {}),
    }


def table(seen: ChainSeen, of_run: Callable[[Overview], str]) -> str:
    """A line for each stage, and what there is to say of those that are at work."""
    width = max((len(stage.stage) for stage in seen.stages), default=0)
    lines = [f"chain        {seen.name}, in {seen.chain}"]
    lines += [f"  {stage.stage:<{width}}  {_state(stage)}" for stage in seen.stages]
    if seen.trouble:
        lines.append(f"SLURM        {seen.trouble}")
    for stage in seen.stages:
        if stage.status is not None:
            lines += ["", f"{stage.stage}:", of_run(stage.status)]
    return harmless("\n".join(lines))


def _state(stage: StageSeen) -> str:
    if stage.stand.items:
        return f"{'complete' if stage.stand.complete else 'begun':<12}  {stage.stand.told()}"
    behind = f"; job {', '.join(stage.starting)} starts it" if stage.starting else ""
    if stage.waits_for:
        return f"waits for {' and '.join(stage.waits_for)}{behind}"
    if stage.log is not None:
        return (
            f"not begun: the job that was to start it has ended. Why: {stage.log}. The chain's command goes on "
            "(with --wait from where it is given, if jobs may not submit others)"
        )
    return f"not begun{behind}"


def stages_in(folder: ChainFolder) -> list[RunFolder]:
    """Every stage's run folder that was begun, also those that were done again since; the latest stages first."""
    chain = folder.read() or FrozenChain("")
    found: dict[RunFolder, None] = {}
    for name in reversed(list(chain.stages)):
        again = [path for path in folder.path.glob(f"{name}-*") if path.name.removeprefix(f"{name}-").isdigit()]
        for path in (*sorted(again, reverse=True), folder.path / name):
            found[RunFolder(path)] = None
    return [run for run in found if run.run_json.exists()]
