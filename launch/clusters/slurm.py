"""Workers as SLURM job arrays, and a merge job behind them. Submitting is all: the login node may go away then."""

from __future__ import annotations

import shlex
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labelyard.generate.record_json.embeddings import lists
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.standing import is_complete
from labelyard.launch.clusters.base import Cluster, Start, exit_code
from labelyard.launch.exit_codes import DONE
from labelyard.launch.merging.summary import short
from labelyard.launch.slurm.options import Options
from labelyard.utils.errors import UserError
from labelyard.utils.programs import call

if TYPE_CHECKING:
    from labelyard.launch.slurm.submit import Site


@dataclass(kw_only=True)
class Slurm(Options, Cluster):
    def gpus_of_a_worker(self) -> int:
        return min(self.gpus_per_worker, self.gpus)

    def workers(self) -> int:
        return self.num_jobs * self.workers_of_a_job

    def check(self, folder: RunFolder) -> None:
        from labelyard.launch.slurm.script import refuse_backslash

        refuse_backslash(folder.path)

    def describe(self, folder: RunFolder) -> list[str]:
        from labelyard.launch.slurm.preview import preview

        return preview(self)

    def scripts(self, folder: RunFolder) -> list[str]:
        from labelyard.launch.slurm.preview import scripts

        return scripts(self, folder)

    def run(self, start: Start) -> int:
        from labelyard.launch.slurm.follow import follow
        from labelyard.launch.slurm.submit import submit, told

        if is_complete(start.folder):
            return self._already_complete(start.folder)
        site = self.site()
        self._tell_of_others(start.folder)
        self._tell_of_idle_gpus()
        submission = submit(self, start.folder, start.config, site)
        print("submitted:", *(f"  {told(job)}" for job in submission.jobs), sep="\n")
        print(what_next(start.folder), flush=True)
        return follow(start.folder, submission) if self.wait else DONE

    def _already_complete(self, folder: RunFolder) -> int:
        from labelyard.launch.merging.merge import merge
        from labelyard.launch.merging.summary import summary

        merged = merge(folder)
        print(f"The run is complete; nothing is submitted.\n{summary(folder, merged)}")
        return exit_code(merged)

    def _tell_of_others(self, folder: RunFolder) -> None:
        from labelyard.launch.slurm.commands import Unreachable
        from labelyard.launch.slurm.jobs import MERGE_SUFFIX
        from labelyard.launch.slurm.own_jobs import queued

        try:
            others = [job for job in queued(folder) if not job.name.endswith(MERGE_SUFFIX)]
        except Unreachable:
            return  # sbatch will say more
        if others:
            number = sum(job.number for job in others)
            print(f"{number} jobs of this run are in SLURM's queue already; these come in addition")

    def _tell_of_idle_gpus(self) -> None:
        used = self.tasks * self.gpus_per_worker
        if used < self.gpus:
            each = "one GPU" if self.gpus_per_worker == 1 else f"{self.gpus_per_worker} GPUs"
            print(
                f"{self.tasks} workers on a node with {self.gpus} GPUs: a worker uses {each}, so {self.gpus - used} of "
                "them will stand idle on every node",
                file=sys.stderr,
            )

    def site(self) -> Site:
        from labelyard.launch.slurm.commands import Unreachable, cluster_name, max_array_size, settings
        from labelyard.launch.slurm.submit import Site

        try:
            config = settings()
        except Unreachable as error:
            hint = "" if shutil.which("sbatch") else " Give the command on a login node of the cluster,"
            raise UserError(
                f"cluster=slurm: {error}.{hint} or run on this machine with cluster=local. The plan stands; the same "
                "command goes on from it"
            ) from None
        return Site(cluster_name(config), max_array_size(config))


def what_next(folder: RunFolder) -> str:
    """Lines to copy, and places to look at: each path as a shell takes it."""
    run, logs, train = (shlex.quote(short(path)) for path in (folder.path, folder.logs, folder.path / lists(folder)[0]))
    return (
        f"look         {call('status')} {run}\nend them     {call('cancel')} {run}\n"
        f"logs         {logs}\ntrain list   {train}, once the merge job has run"
    )
