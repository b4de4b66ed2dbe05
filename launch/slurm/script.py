"""The text that sbatch gets. Pure: options in, text out. submitit writes the #SBATCH lines."""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from labelyard.launch.slurm.arrays import Window
from labelyard.launch.slurm.options import Options, as_parameters
from labelyard.launch.slurm.setup import guarded
from labelyard.utils.errors import UserError

ROOT = Path(__file__).resolve().parent.parent.parent

# Ahead of everything: bash would end at a signal that comes while setup lines run.
EARLY = "trap 'early=yes' USR2"
# What follows srun. Measured: whoever ends by himself within the grace of a preemption is not requeued by SLURM, so the
# script asks for it. `scontrol requeue` with a bare job id may mean the whole array, hence ARRAY_TASK.
LIVING = """\
workers=$!
# SIGUSR2 comes ahead of the time limit: the workers stop at their next batch, and have {patience} seconds for it.
trap 'kill -USR2 $workers; deadline=$((SECONDS + {patience}))' USR2
if [ -n "$early" ]; then kill -USR2 $$; fi
# SIGTERM comes to this script only when SLURM ends the job. The workers get it from SLURM itself.
trap : TERM
wait $workers
while kill -0 $workers 2>/dev/null && [ $SECONDS -lt ${{deadline:-$((SECONDS + 1))}} ]; do sleep 0.2; done
if kill -0 $workers 2>/dev/null; then code=75; else wait $workers; code=$?; fi
"""
REQUEUE = """\
# 75: stopped before everything was done. Requeued here, unless SLURM is ending the job anyway; it then does so itself.
if [ $code -eq 75 ] || {{ [ $code -gt 75 ] && [ -n "$deadline" ]; }}; then
    task=$SLURM_ARRAY_JOB_ID"_"$SLURM_ARRAY_TASK_ID
    if scontrol show job -o $task | grep -q JobState=RUNNING; then scontrol requeue $task && sleep 60; fi
fi
"""
EXIT = "exit $code"


def array_parameters(options: Options, run: Path, name: str, window: Window, dependency: str | None) -> dict[str, Any]:
    """submitit's parameters for one array of workers."""
    return {
        **_common(options, name, dependency),
        "setup": [EARLY, *guarded(options.setup)],
        **_nodes(options, options.tasks),
        "additional_parameters": _present(
            {
                **_share(options),
                "array": window.spec,
                # To the script alone ("B:"), which passes it on: also a worker deep in a long computation is requeued.
                "signal": f"B:USR2@{options.stop_seconds}",
                "requeue" if options.requeue else "no-requeue": True,
                # Also the first worker's log, so that a failing setup line is found where one looks.
                "output": log_of(run, "%A_%a_0"),
            }
        ),
    }


def merge_parameters(options: Options, run: Path, name: str, dependency: str) -> dict[str, Any]:
    """submitit's parameters for the merge job."""
    merge = options.merge
    own = {key: value for key, value in asdict(merge).items() if value is not None}
    return {
        **_common(options, name, dependency),
        **{key: own[key] for key in ("partition", "account", "qos", "constraint", "cpus_per_task") if key in own},
        "nodes": 1,
        "ntasks_per_node": 1,
        "additional_parameters": _present(
            {
                "mem": merge.mem,
                "reservation": options.reservation if merge.partition is None else None,
                **as_parameters(merge.sbatch_args, "cluster.merge.sbatch_args"),
                "time": merge.time,
                "requeue": True,
                "output": log_of(run, "merge-%j"),
            }
        ),
    }


def job_parameters(options: Options, folder: Path, name: str) -> dict[str, Any]:
    """submitit's parameters for a single job that is none of a run's: a trainer's."""
    return {
        **_common(options, name, options.dependency),
        **_nodes(options, tasks=1),
        "additional_parameters": _present(
            {
                **_share(options),
                "signal": f"B:USR2@{options.stop_seconds}" if options.requeue else None,
                "requeue" if options.requeue else "no-requeue": True,
                "open-mode": "append",
                "output": log_of(folder, "%j"),
            }
        ),
    }


def refuse_backslash(run: Path) -> None:
    """In a log's path it tells SLURM to replace nothing (%j, %t), and all of a job's workers write to one."""
    if "\\" in str(run):
        raise UserError(f"output={run}: SLURM has a use of its own for \\ in a log's path. Give a path without it")


def log_of(run: Path, job: str) -> str:
    return f"{run}/logs/slurm-".replace("%", "%%") + f"{job}.log"


def worker_command(options: Options, run: Path, config: Path) -> str:
    srun = ["srun", "--kill-on-bad-exit=0", "--wait=0", "--unbuffered", "--open-mode=append"]
    srun.append(f"--output={log_of(run, '%A_%a_%t')}")
    if options.cpus_per_task is not None:
        srun.append(f"--cpus-per-task={options.cpus_per_task}")  # since SLURM 22.05 srun does not ask sbatch for it
    srun += options.srun_args
    task = ["-u", str(ROOT / "generate" / "worker" / "slurm_task.py"), str(run), "--config", str(config)]
    task += ["--gpus", str(options.gpus_per_worker)] if options.gpus_per_worker > 1 else []
    patience = max(options.stop_seconds - 30, options.stop_seconds // 2, 1)
    lines = f"{_words(srun)} \\\n    {_python(options)} {_words(task)} &\n"
    lines += LIVING.format(patience=patience)
    lines += REQUEUE.format() if options.requeue else ""
    return f"{lines}{EXIT}"


def merge_command(options: Options, run: Path) -> str:
    return f"{_python(options)} {_words(['-u', str(ROOT / 'launch' / 'jsons2txt.py'), str(run)])}"


def text(parameters: dict[str, Any], command: str, folder: Path) -> str:
    """The whole script, as submitit will write it."""
    from submitit.slurm.slurm import _make_sbatch_string

    return _make_sbatch_string(command=command, folder=folder, **parameters)


def _common(options: Options, name: str, dependency: str | None) -> dict[str, Any]:
    return {
        "job_name": name,
        "partition": options.partition,
        "account": options.account,
        "qos": options.qos,
        "comment": options.comment,
        "dependency": dependency,
        "setup": guarded(options.setup) or None,
        "time": None,  # submitit's five minutes are nobody's wish; without it the partition's default counts
        "wckey": None,  # submitit names one of its own, which a site may not know
        "stderr_to_stdout": True,
        "use_srun": False,  # the srun line is ours
    }


def _nodes(options: Options, tasks: int) -> dict[str, Any]:
    """Which nodes a job that computes runs on, and as how many tasks of each."""
    return {
        "nodes": options.nodes,
        "ntasks_per_node": tasks,
        "cpus_per_task": options.cpus_per_task,
        "gres": options.gres,
        "constraint": options.constraint,
        "exclude": options.exclude,
        "nodelist": options.nodelist,
    }


def _share(options: Options) -> dict[str, Any]:
    """What it takes of them, for how long, and whatever else sbatch is to get."""
    return {
        "gpus-per-node": _gpus(options),
        "mem": options.mem,
        "reservation": options.reservation,
        **as_parameters(options.sbatch_args, "cluster.sbatch_args"),
        "time": options.time,
    }


def _gpus(options: Options) -> str | int | None:
    if options.gres is not None or options.gpus == 0:
        return None
    return f"{options.gpu_type}:{options.gpus}" if options.gpu_type else options.gpus


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None and value is not False}


def _words(words: list[str]) -> str:
    return " ".join(shlex.quote(word) for word in words)


def _python(options: Options) -> str:
    return options.python or shlex.quote(sys.executable)
