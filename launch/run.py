"""Start a run, or go on with one.

    python launch/run.py --config-name demo             small models, no downloads
    python launch/run.py source.path=train_data.json output=train-data       here
    python launch/run.py source.path=train_data.json output=train-data \\
        cluster=slurm cluster.partition=learn cluster.num_jobs=64

The same command goes on where it ended. Any setting is key=value:

    ground.box_threshold=0.3  a step's setting   segment=sam      another model
    dry_run=true   say what would happen         pipeline=demo    another pipeline
    limit=20       only the first items          cluster=debug    in this process
    plan_only=true plan, start nobody            cluster.num_jobs=2    workers

    --config-name NAME  a configuration of conf/: config (default) or demo
    --config-dir DIR    more options, from a folder of yours
    --wait              with cluster=slurm: until the jobs have ended
    --cfg job           print the whole configuration; --hydra-help says more

Exit code 0: every item is in the train list (with cluster=slurm: submitted).
3: some are quarantined or pending. 1: it could not be done.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")

from labelyard.launch.program import parser, program
from labelyard.utils.errors import UserError
from labelyard.utils.programs import call

if TYPE_CHECKING:
    from labelyard.launch.config.compose import Composed

# Hydra answers these itself.
HYDRAS_OWN = {
    "--cfg",
    "-c",
    "--info",
    "-i",
    "--shell-completion",
    "-sc",
    "--hydra-help",
    "--multirun",
    "-m",
    "--resolve",
}


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}. Settings are key=value; see {call('run')} --help")


@program
def main(arguments: list[str] | None = None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    if HYDRAS_OWN.intersection(argument.partition("=")[0] for argument in given):
        from labelyard.launch.starting.hydra_app import hydra_app

        return hydra_app(given)
    from labelyard.launch.starting.start import start

    return start(asked(given))


def asked(given: Sequence[str]) -> Composed:
    """The configuration that a command line of this program means."""
    asking = parser(__doc__, Parser, usage="%(prog)s …")
    asking.add_argument("--config-name", "-cn", default="config", help=argparse.SUPPRESS)
    asking.add_argument("--config-dir", "-cd", help=argparse.SUPPRESS)
    asking.add_argument("--wait", action="store_true", help=argparse.SUPPRESS)
    asking.add_argument("overrides", nargs="*", help=argparse.SUPPRESS)
    chosen = asking.parse_intermixed_args(given)
    overrides = [*chosen.overrides, *(["cluster.wait=true"] if chosen.wait else [])]

    from labelyard.launch.config.compose import composed

    return composed(overrides, chosen.config_name, chosen.config_dir)


if __name__ == "__main__":
    sys.exit(main())
