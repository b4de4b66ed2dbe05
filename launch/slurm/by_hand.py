"""For slurm/generate.sbatch: python launch/slurm/by_hand.py SETTINGS…

Prints the run folder that these settings of run.py mean, which only their grammar can tell, and writes this array down
in it, where status.py and cancel.py look for the run's jobs.
"""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Mapping
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2] / "src")

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.launch.config.compose import plain
from labelyard.launch.exit_codes import DONE
from labelyard.launch.program import program
from labelyard.launch.run import asked
from labelyard.launch.slurm.jobs import WORKERS, Job, Submission, write_submission
from labelyard.launch.slurm.script import refuse_backslash
from labelyard.launch.slurm.submit import now


@program
def main(arguments: list[str] | None = None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    folder = RunFolder.open(Path(plain(asked(given).config)["output"]))
    refuse_backslash(folder.path)
    write_submission(folder, submission(os.environ), f"sbatch-{os.environ['SLURM_ARRAY_JOB_ID']}")
    print(folder.path)
    return DONE


def submission(environment: Mapping[str, str]) -> Submission:
    array = environment["SLURM_ARRAY_JOB_ID"]
    tasks = int(environment.get("SLURM_ARRAY_TASK_MAX", "0")) + 1
    name, cluster = environment.get("SLURM_JOB_NAME", "labelyard"), environment.get("SLURM_CLUSTER_NAME", "")
    return Submission(name, getpass.getuser(), cluster, now(), whole=True, jobs=(Job(array, WORKERS, tasks=tasks),))


if __name__ == "__main__":
    sys.exit(main())
