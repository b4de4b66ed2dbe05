"""Instruction pairs out of a labelled dataset, by the flags of InstructCV's own script.

    python launch/format_dataset.py --save_root ./image_pairs --tasks ['det'] \\
        --data_root ./data/coco
    python launch/format_dataset.py --save_root ./pets --dataset oxford_pets_fine \\
        --oxford_pets_root ./data/oxford-pets --tasks seg cls negatives=all

    --data_root DIR    the dataset; which it is, its layout tells
    --dataset NAME     or by name: coco oxford_pets_fine oxford_pets_binary nyuv2
                       ade20k_sem imagenet voc fs nyuv2_nonoise derain sunrgbd
                       light_enhance denoise; --coco_root, … say where each lies
    --tasks …          det seg cls depes panoptic restore
    --seed --templates --split  and further options of the export as key=value
    source.split=… cluster.num_jobs=4 …       settings of the run
    --pool A B …       instead: a list of all samples of these exports

The run that reads the labels lies in SAVE_ROOT/.labelyard. More exports of it:

    python launch/export.py image_pairs/.labelyard instructcv other_pairs tasks=seg

The same command goes on where it ended.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")

from labelyard.launch.exit_codes import DONE, INCOMPLETE
from labelyard.launch.pairs.words import FLAGS
from labelyard.launch.program import parser, program
from labelyard.utils.errors import UserError
from labelyard.utils.programs import call

if TYPE_CHECKING:
    from labelyard.launch.pairs.wanted import Wanted

RUN = ".labelyard"  # hidden, so that scripts which list the samples pass it by


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}. See {call('format_dataset')} --help")


@program
def main(arguments: list[str] | None = None) -> int:
    chosen = asked(arguments)
    if chosen.pool:
        return pooled([Path(name) for name in chosen.pool], Path(chosen.save_root))

    from labelyard.launch.pairs.wanted import refuse, what

    wanted, target = what(chosen), Path(chosen.save_root)
    refuse(wanted, target)
    print(f"{wanted.path} is read as source={wanted.source}; tasks: {wanted.options['tasks']}", flush=True)
    return made(wanted, target)


def asked(arguments: list[str] | None) -> argparse.Namespace:
    asking = parser(__doc__, Parser, usage="%(prog)s …")
    asking.add_argument("--save_root", default="./image_pairs", help=argparse.SUPPRESS)
    asking.add_argument("--tasks", nargs="+", help=argparse.SUPPRESS)
    for name in ("data_root", "dataset", "seed", "templates", "split", *FLAGS):
        asking.add_argument(f"--{name}", help=argparse.SUPPRESS)
    asking.add_argument("--pool", nargs="+", help=argparse.SUPPRESS)
    asking.add_argument("settings", nargs="*", help=argparse.SUPPRESS)
    chosen = asking.parse_intermixed_args(arguments)
    if chosen.tasks is not None:  # what stands behind them may be settings
        chosen.settings += [word for word in chosen.tasks if "=" in word]
        chosen.tasks = [word for word in chosen.tasks if "=" not in word]
    return chosen


def made(wanted: Wanted, target: Path) -> int:
    from labelyard.generate.run_folder.layout import RunFolder, is_run
    from labelyard.generate.run_folder.standing import is_complete
    from labelyard.launch.export import main as export
    from labelyard.launch.run import main as start

    run = str(target / RUN)
    ran = start(wanted.run(run))
    if ran not in (DONE, INCOMPLETE) or not is_run(run):  # of a dry_run nothing is there
        return ran
    if not is_complete(RunFolder.open(run)):
        print(f"{run} is not complete: no pairs yet. Once it is, the same command makes them ({call('status')} {run})")
        return INCOMPLETE
    exported = export([run, "instructcv", str(target), *(f"{key}={value}" for key, value in wanted.options.items())])
    return exported if exported != DONE else ran


def pooled(exports: list[Path], target: Path) -> int:
    from labelyard.launch.pairs.pool import pool

    found = pool(exports, target)
    outside = f"; {found.outside} stay out, so that cuts fall between two images" if found.outside else ""
    print(f"{found.samples} samples of {found.images} images in {target / 'seeds.json'}{outside}")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
