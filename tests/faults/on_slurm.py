"""Chaos among jobs of a throw-away SLURM: what happens to processes, and what SLURM does to its jobs."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.launch.chains.standing import stand
from labelyard.launch.slurm.jobs import NEXT, WORKERS, read_submissions
from tests.conftest import command
from tests.faults.place import Action, Place, send
from tests.faults.scene import Scene
from tests.slurm.conftest import NODES, Cluster, bring_up, cluster_script, wait_until
from tests.slurm.runs import environment


class OnSlurm(Place):
    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.cluster: Cluster = bring_up(scene.folder / "slurm", os.getpid())
        self.dead: str | None = None  # a node
        self.workers = 4 if scene.program == "run" else 2

    def start(self, seconds_each: float) -> bool:
        if self._tasks():
            return False
        self._run(*self.scene.pace(seconds_each), f"cluster.num_jobs={self.workers}")
        return True

    def finish(self) -> int:
        self._revive()
        if self.scene.program == "run":
            return self._run("cluster.num_jobs=3", "--wait")
        while True:  # each command goes on with what it can
            code = self._run(*self.scene.pace(0), f"cluster.num_jobs={self.workers}")
            wait_until(lambda: not self.cluster.squeue(), "the queue is empty", timeout=1200)
            if code != 0 or all(stand(RunFolder(run)).complete for run in self.scene.runs()):
                return code or 3

    def processes(self) -> list[int]:
        """Workers, the tasks that see to them, and merges: they name the run folder on their command line."""
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if self._is_ours(pid)]

    def end_all(self) -> None:
        if self.scene.out.exists():
            self._program("cancel", self.scene.out)
        wait_until(lambda: not self.processes(), "nobody is at work")

    def close(self) -> None:
        cluster_script("down", self.cluster.folder)

    def actions(self) -> dict[str, Action]:
        return {
            "everybody": self._everybody,
            "cancel": self.end_all,
            "extra": self._extra,
            "requeue": self._requeue,
            "time limit": self._time_limit,
            "preempt": self._preempt,
            "node": self._node,
        }

    def _everybody(self) -> bool:
        hit = [pid for pid in self.processes() if send(pid, signal.SIGKILL)]
        return len(hit) > 0

    def _extra(self) -> bool:
        """The same command again: it adds a worker."""
        more = [*self.scene.pace(0.1), "cluster.num_jobs=1"]
        return 0 < len(self._tasks()) < 8 and self._run(*more) == 0

    def _requeue(self) -> bool:
        return self._of_a_task("scontrol", "requeue")

    def _time_limit(self) -> bool:
        """The signal that SLURM sends ahead of it."""
        return self._of_a_task("scancel", "--signal=USR2", "--batch")

    def _preempt(self) -> bool:
        nodes = 1 if self.dead else self.chance.choice([1, 2])
        grace = self.chance.choice([0, 0, 5])
        self.cluster.run("scontrol", "update", "PartitionName=learn", f"GraceTime={grace}")
        self.cluster.sbatch("-p", "urgent", f"-N{nodes}", "--exclusive", "-o", "/dev/null", "--wrap", "sleep 1")
        return True

    def _node(self) -> bool:
        """One dies, or the dead one comes back."""
        if not self._revive():
            self.dead = self.chance.choice(NODES)
            self.cluster.kill_node(self.dead)
        return True

    def _revive(self) -> bool:
        node, self.dead = self.dead, None
        if node is not None:
            self.cluster.revive_node(node)
        return node is not None

    def _of_a_task(self, *what: str) -> bool:
        running = [task for task, state in self._tasks().items() if state == "RUNNING"]
        if not running:
            return False
        # It may have ended a moment ago, or wait again: then scancel would try for a minute and a half.
        return self.cluster.run("timeout", "3", *what, self.chance.choice(running), check=False).returncode == 0

    def _tasks(self) -> dict[str, str]:
        """The worker tasks in the queue, and their states; of a chain, also the jobs that start its stages."""
        folders = [*self.scene.runs(), self.scene.out / "chain"]
        made = [job for folder in folders for one in read_submissions(RunFolder(folder)) for job in one.jobs]
        ids = {job.id for job in made if job.kind == WORKERS or job.kind.startswith(NEXT)}
        return {row["id"]: row["state"] for row in self.cluster.squeue() if row["id"].partition("_")[0] in ids}

    def _is_ours(self, pid: int) -> bool:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            return False
        programs = (b"/generate/__main__.py", b"/slurm_task.py", b"/jsons2txt.py", b"/chain.py")
        ours = {f"{before}{run}".encode() for run in (self.scene.out, *self.scene.runs()) for before in ("", "output=")}
        return not ours.isdisjoint(words) and any(word.endswith(programs) for word in words)

    def _run(self, *settings: str) -> int:
        return self._program(self.scene.program, *self.scene.arguments(self.scene.out, "cluster=slurm", *settings))

    def _program(self, name: str, *arguments: object) -> int:
        log = self.scene.log
        words = command(name, *arguments)
        return subprocess.run(words, env=environment(self.cluster), stdout=log, stderr=log, timeout=300).returncode
