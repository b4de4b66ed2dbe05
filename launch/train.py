"""Train on an export, by somebody's own trainer, as a job on SLURM.

    python launch/train.py                              which recipes there are
    python launch/train.py instructcv data=image_pairs repo=InstructCV \\
        cluster.partition=gpu32 print_only=true
    python launch/train.py command data=coco-data cluster.gpus_per_node=1 \\
        command='segformer-train {data}'

A recipe is a command with places in it ({data}, {name}, {gpu_list}, …) and what SLURM
is asked for; nothing of the trainer is edited. That data and trainer are there is seen
before anything waits in a queue. When the job is preempted, or its time is nearly up, it
goes back into the queue, and the trainer goes on from its last checkpoint.

    print_only=true       the script, and nothing is submitted
    cluster.setup=[…]     lines ahead: module load …, source activate …
    cluster.partition, .account, .qos, .gpus_per_node, .time, .mem, .sbatch_args, …
    name=, output=, arguments='--further ones'
    --config-dir DIR      recipes of your own: DIR/train/NAME.yaml
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")

from labelyard.launch.exit_codes import DONE
from labelyard.launch.program import parser, program
from labelyard.utils.errors import UserError
from labelyard.utils.programs import call

if TYPE_CHECKING:
    from labelyard.launch.training.recipe import Recipe


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}. Settings are key=value; see {call('train')} --help")


@program
def main(arguments: list[str] | None = None) -> int:
    asking = parser(__doc__, Parser, usage="%(prog)s RECIPE …")
    asking.add_argument("--config-dir", "-cd", help=argparse.SUPPRESS)
    asking.add_argument("recipe", nargs="?", help=argparse.SUPPRESS)
    asking.add_argument("settings", nargs="*", help=argparse.SUPPRESS)
    chosen = asking.parse_intermixed_args(arguments)

    from labelyard.launch.training.data import check
    from labelyard.launch.training.recipe import read, recipes
    from labelyard.launch.training.script import script

    if chosen.recipe is None:
        for name, path in recipes(chosen.config_dir).items():
            print(f"{name:<18} {path.read_text(encoding='utf-8').splitlines()[0].lstrip('# ')}")
        return DONE
    recipe = read(chosen.recipe, chosen.settings, chosen.config_dir)
    check(recipe)
    if recipe.print_only:
        print(script(recipe))
        return DONE
    return submit(recipe, script(recipe))


def submit(recipe: Recipe, text: str) -> int:
    from labelyard.launch.slurm.commands import Unreachable, ask
    from labelyard.launch.training.script import output_of
    from labelyard.utils.atomic import write_atomic

    output = Path(output_of(recipe))
    (output / "logs").mkdir(parents=True, exist_ok=True)
    path = output / "train.sbatch"
    write_atomic(path, text.encode())
    try:
        job = ask(["sbatch", "--parsable", str(path)]).strip().partition(";")[0]
    except Unreachable as error:
        raise UserError(
            f"{error}. The script stands in {path}; it runs without SLURM, too: bash {shlex.quote(str(path))}"
        ) from None
    print(f"submitted: job {job}\nlog        {output}/logs/slurm-{job}.log\nend it     scancel {job}")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
