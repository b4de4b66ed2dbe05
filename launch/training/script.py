"""The script of a training job. Pure: a recipe in, text out."""

from __future__ import annotations

import shlex
from pathlib import Path

from labelyard.launch.slurm.script import job_parameters, text
from labelyard.launch.training.data import paths
from labelyard.launch.training.recipe import Recipe

# The job waits in the background, so that bash hears signals. Ahead of the time limit it goes back into the queue, and
# the trainer goes on from its last checkpoint; when it is preempted SLURM does that.
BODY = """\
cd {repo}
{command} &
trainer=$!
trap : TERM
{requeue}wait $trainer
code=$?
while kill -0 $trainer 2>/dev/null; do wait $trainer; code=$?; done
exit $code"""
REQUEUE = """\
trap 'echo "requeued ahead of the time limit"; scontrol requeue $SLURM_JOB_ID' USR2
"""


def command_of(recipe: Recipe) -> str:
    output = Path(output_of(recipe)).resolve()
    gpus = max(1, recipe.cluster.gpus)
    values = {
        "data": shlex.quote(str(Path(recipe.data).resolve())),
        "repo": shlex.quote(str(Path(recipe.repo or ".").resolve())),
        "name": shlex.quote(recipe.name),
        "output": shlex.quote(str(output)),
        "gpus": str(gpus),
        "gpu_list": ",".join(map(str, range(gpus))) + ("," if gpus == 1 else ""),  # "0," is a list of one
        "paths": shlex.join(paths(Path(recipe.data))) if "{paths}" in recipe.command else "",
    }
    found = recipe.command
    for place, value in values.items():
        found = found.replace(f"{{{place}}}", value)
    return " ".join([*found.split("\n"), recipe.arguments]).strip()


def output_of(recipe: Recipe) -> str:
    return recipe.output or f"runs/train-{recipe.name}"


def script(recipe: Recipe) -> str:
    output = Path(output_of(recipe)).resolve()
    repo = shlex.quote(str(Path(recipe.repo or ".").resolve()))
    requeue = REQUEUE if recipe.cluster.requeue else ""
    body = BODY.format(repo=repo, command=command_of(recipe), requeue=requeue)
    name = recipe.cluster.name or f"train-{recipe.name}"
    return text(job_parameters(recipe.cluster, output, name), body, output)
