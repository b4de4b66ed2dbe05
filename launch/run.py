"""Start a run, or go on with one.

    python launch/run.py source.path=train_data.json output=train-data            the published models, on this machine
    python launch/run.py source.path=… output=… cluster=slurm cluster.partition=learn cluster.num_jobs=64
    python launch/run.py --config-name demo                                        small models on photos, no downloads

The same command again goes on where the last one ended. Any setting is key=value (Hydra):

    ground.box_threshold=0.3     a setting of a step        pipeline=demo         another pipeline
    segment=sam                  another model for a step    limit=20              only the first items
    dry_run=true                 say what would happen       plan_only=true        plan, start nobody
    cluster.num_jobs=2           workers                     cluster=debug         one worker in this process

    --config-name NAME   a configuration of conf/ (config, demo)     --cfg job      print the whole configuration
    --config-dir DIR     more options from a folder of yours         --info, -sc …  Hydra's own, see --hydra-help

Exit code 0: every item is in the train list. 3: some are quarantined or pending. 1: it could not be done.
With cluster=slurm and without --wait, 0 says that the jobs are submitted.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NoReturn

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from generate.errors import FatalError, explained
from utils.errors import UserError
from utils.redact import redacted

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
        raise UserError(f"{message}. Settings are key=value; see python launch/run.py --help")


def main(arguments: list[str] | None = None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    try:
        if HYDRAS_OWN.intersection(argument.partition("=")[0] for argument in given):
            from launch.hydra_app import hydra_app

            return hydra_app(given)
        parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage="%(prog)s …")
        parser.add_argument("--config-name", "-cn", default="config", help=argparse.SUPPRESS)
        parser.add_argument("--config-dir", "-cd", help=argparse.SUPPRESS)
        parser.add_argument("--wait", action="store_true", help=argparse.SUPPRESS)
        parser.add_argument("overrides", nargs="*", help=argparse.SUPPRESS)
        chosen = parser.parse_intermixed_args(given)
        overrides = [*chosen.overrides, *(["cluster.wait=true"] if chosen.wait else [])]

        from launch.config import composed
        from launch.start import start

        return start(composed(overrides, chosen.config_name, chosen.config_dir))
    except (UserError, FatalError) as error:
        print(f"run: {redacted(str(error))}", file=sys.stderr)
        return 1
    except OSError as error:
        told = explained(error, "output")
        if told is error:
            raise
        print(f"run: {told}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
