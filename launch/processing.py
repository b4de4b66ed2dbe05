"""Graph200K's images and list for VisualCloze, by the original script's flags.

    python launch/processing.py --target_path OUT --split test
    python launch/processing.py --target_path OUT --split train --dataset FOLDER

FOLDER is where the hub's own client has put the dataset:

    hf download --repo-type dataset VisualCloze/Graph200K --local-dir Graph200K

The same as these, which have more settings (workers, filters, a cluster):

    python launch/run.py source=graph200k source.path=Graph200K \\
        source.split=test pipeline=none output=OUT/.runs/test
    python launch/export.py OUT/.runs/test graph200k OUT/test names=index

The same command goes on where it ended. Exit codes are those of export.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NoReturn

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")

from labelyard.launch.exit_codes import DONE, INCOMPLETE
from labelyard.launch.program import parser, program
from labelyard.utils.errors import UserError
from labelyard.utils.programs import call

SPLITS = ("train", "test")
DATASET = "Graph200K"
RUNS = ".runs"  # in the target, beside the splits


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}. Try: {call('processing')} --target_path OUT --split {SPLITS[1]}")


@program
def main(arguments: list[str] | None = None) -> int:
    asking = parser(__doc__, Parser)
    asking.add_argument("--target_path", required=True, type=Path, help="where the images and the list go")
    asking.add_argument("--split", required=True, choices=SPLITS)
    asking.add_argument("--dataset", default=DATASET, type=Path, help=f"the dataset's folder (default: {DATASET})")
    chosen = asking.parse_args(arguments)
    target, run = chosen.target_path / chosen.split, chosen.target_path / RUNS / chosen.split
    if not chosen.dataset.exists():
        raise UserError(
            f"--dataset {chosen.dataset}: there is no such folder (looked in {Path.cwd()}). Fetch the dataset first: "
            f"hf download --repo-type dataset VisualCloze/Graph200K --local-dir {chosen.dataset}"
        )
    refuse_foreign(target)
    return extract(chosen.dataset, chosen.split, run, target)


def refuse_foreign(target: Path) -> None:
    """Before a row is read: what is there must be an export of ours."""
    from labelyard.launch.exporting import NOTES

    if target.is_dir() and any(target.iterdir()) and not (target / NOTES).exists():
        raise UserError(f"{target} is not empty, and no export of ours. Give another --target_path")


def extract(dataset: Path, split: str, run: Path, target: Path) -> int:
    from labelyard.launch.export import main as export
    from labelyard.launch.run import main as start

    source = ["source=graph200k", f"source.path={dataset}", f"source.split={split}"]
    ran = start([*source, "pipeline=none", f"output={run}"])
    if ran not in (DONE, INCOMPLETE):
        return ran
    exported = export([str(run), "graph200k", str(target), "names=index"])
    return exported if exported != DONE else ran


if __name__ == "__main__":
    sys.exit(main())
