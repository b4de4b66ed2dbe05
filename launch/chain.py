"""Start a chain of runs, or go on with one: each stage reads the records of those that it needs.

    python launch/chain.py                              which chains there are
    python launch/chain.py instances source.path=train_data.json output=train-data

The same command goes on where it ended. Settings are as for run.py:

    STAGE:key=value   for one stage       source.path=…, limit=…   for the first ones
    ground.key=value  where it is run     cluster=…, work.…, …     for all of them
    dry_run=true      say what would happen

    --again STAGE     redo it with other settings, and all that need it, in fresh
                      folders; no other stage is touched
    --wait            on SLURM: stay until all is done, and start each stage from here,
                      where compute nodes may not submit jobs
    --config-dir DIR  more chains (DIR/chain/NAME.yaml) and options of yours

Exit code 0: every item of every stage is done (with cluster=slurm: submitted).
3: some are quarantined or pending. 1: it could not be done.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")

from labelyard.launch.exit_codes import DONE
from labelyard.launch.program import parser, program
from labelyard.utils.errors import UserError
from labelyard.utils.programs import call


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}. Settings are key=value; see {call('chain')} --help")


@dataclass(frozen=True)
class Asked:
    name: str
    settings: tuple[str, ...]
    directory: str | None
    again: tuple[str, ...]
    next: str | None  # what a job on SLURM starts
    wait: bool = False

    def command(self) -> tuple[str, ...]:
        """The same for a job, which only goes on with what was decided."""
        directory = ["--config-dir", self.directory] if self.directory else []
        return (*directory, self.name, *(one for one in self.settings if not one.startswith("dry_run=")))


@program
def main(arguments: list[str] | None = None) -> int:
    asked = parsed(sys.argv[1:] if arguments is None else arguments)
    if asked is None:
        return DONE
    if not any(setting.startswith("output=") for setting in asked.settings):
        example = f"{call('chain')} {asked.name} source.path=train_data.json output=train-data"
        raise UserError(f"output is not given. For example: {example}")

    from labelyard.launch.chains.frozen import Redo
    from labelyard.launch.chains.plan import planned
    from labelyard.launch.chains.recipe import read_recipe
    from labelyard.launch.chains.slurm import Again
    from labelyard.launch.chains.started import started

    recipe = read_recipe(asked.name, asked.directory)
    chain = planned(recipe, asked.settings, asked.directory, Redo(asked.again), strict=asked.next is not None)
    return started(chain, Again(asked.command(), Path.cwd()), asked.next, asked.wait)


def parsed(given: Sequence[str]) -> Asked | None:
    asking = parser(__doc__, Parser, usage="%(prog)s …")
    asking.add_argument("--config-dir", "-cd", help=argparse.SUPPRESS)
    asking.add_argument("--again", action="append", default=[], help=argparse.SUPPRESS)
    asking.add_argument("--next", help=argparse.SUPPRESS)
    asking.add_argument("--wait", action="store_true", help=argparse.SUPPRESS)
    asking.add_argument("chain", nargs="?", help=argparse.SUPPRESS)
    asking.add_argument("settings", nargs="*", help=argparse.SUPPRESS)
    chosen = asking.parse_intermixed_args(given)
    if chosen.chain is None:
        tell_chains(chosen.config_dir)
        return None
    if "=" in chosen.chain:
        raise UserError(f"{chosen.chain}: the name of a chain comes first. {call('chain')} says which there are")
    return Asked(chosen.chain, tuple(chosen.settings), chosen.config_dir, tuple(chosen.again), chosen.next, chosen.wait)


def tell_chains(directory: str | None) -> None:
    from labelyard.launch.chains.recipe import read_recipe, recipes

    for name in recipes(directory):
        stages = read_recipe(name, directory).stages
        print(f"{name:<16} " + ", ".join(f"{s.name} ({', '.join(s.needs)})" if s.needs else s.name for s in stages))


if __name__ == "__main__":
    sys.exit(main())
