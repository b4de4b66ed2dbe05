"""Dataflow-Gen's pipelines: a YAML of captioners and generators, one after another.

    python launch/dataflow.py --config pipeline.yaml
    python launch/dataflow.py --config pipeline.yaml --meta_path more.jsonl \\
        cluster=slurm cluster.partition=learn cluster.num_jobs=16

The same command goes on where it ended. What the YAML says may be said here:

    --meta_path LIST   --meta_folder DIR   --text_key, --image_key, --video_key
    --base_folder DIR  --save_folder DIR   --layout repository|document
    --seed NUMBER      --max_cost AMOUNT   --keep_failed, --explode, --fuse
    --plugins FILE     classes of your own, from a Python file or a folder

    --from STEP        do this step (its number) and those behind it again, with
                       other settings; what they made is set aside
    --wait             on SLURM: stay, and start each step from here
    --dry-run          say what would happen, and write nothing

    cluster=…, work.…, limit=…, step_2:cluster.partition=big     settings as for chain.py

Exit code 0: every row is in the results (with cluster=slurm: submitted).
3: some have failed, are pending, or were refused. 1: it could not be done.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")

from labelyard.launch.dataflow_gen.request import Command
from labelyard.launch.program import parser, program
from labelyard.utils.errors import UserError
from labelyard.utils.programs import call

TEXTS = ("meta_path", "meta_folder", "base_folder", "save_folder", "text_key", "image_key", "video_key", "layout")
SWITCHES = ("keep_failed", "explode", "fuse")


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}. See {call('dataflow')} --help")


@program
def main(arguments: list[str] | None = None) -> int:
    from labelyard.launch.dataflow_gen.start import start

    return start(parsed(sys.argv[1:] if arguments is None else arguments))


def parsed(given: Sequence[str]) -> Command:
    asking = parser(__doc__, Parser, usage="%(prog)s --config YAML …")
    asking.add_argument("--config", help=argparse.SUPPRESS)
    for name in TEXTS:
        asking.add_argument(f"--{name}", help=argparse.SUPPRESS)
    for name in SWITCHES:
        asking.add_argument(f"--{name}", action="store_true", default=None, help=argparse.SUPPRESS)
    asking.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    asking.add_argument("--max_cost", type=float, help=argparse.SUPPRESS)
    asking.add_argument("--plugins", action="append", help=argparse.SUPPRESS)
    asking.add_argument("--from", type=int, dest="again_from", help=argparse.SUPPRESS)
    asking.add_argument("--dry-run", action="store_true", help=argparse.SUPPRESS)
    asking.add_argument("--wait", action="store_true", help=argparse.SUPPRESS)
    asking.add_argument("--next", help=argparse.SUPPRESS)
    asking.add_argument("settings", nargs="*", help=argparse.SUPPRESS)
    chosen = asking.parse_intermixed_args(given)
    if chosen.config is None:
        raise UserError(f"--config is not given: the YAML file. For example: {call('dataflow')} --config pipeline.yaml")
    for setting in chosen.settings:
        if "=" not in setting:
            raise UserError(f"{setting}: settings are key=value; see {call('dataflow')} --help")
    flags = {name: getattr(chosen, name) for name in (*TEXTS, *SWITCHES, "seed", "max_cost", "plugins")}
    settings = tuple(one for one in chosen.settings if not one.startswith("dry_run="))
    dry = ("dry_run=true",) if chosen.dry_run or len(settings) < len(chosen.settings) else ()
    command = ["--config", chosen.config, *_again(flags), *settings]
    whole = tuple(command)
    return Command(chosen.config, flags, (*settings, *dry), chosen.again_from, chosen.next, whole, chosen.wait)


def _again(flags: Mapping[str, Any]) -> list[str]:
    words: list[str] = []
    for name, value in flags.items():
        for one in value if isinstance(value, list) else [value]:
            if one is not None:
                words += [f"--{name}"] if one is True else [f"--{name}", str(one)]
    return words


if __name__ == "__main__":
    sys.exit(main())
