"""Pictures changed as an instruction says, by the flags of InstructCV's own script.

    python launch/edit_cli.py --input imgs/ --output outputs/ --edit "segment the cat."
    python launch/edit_cli.py --input image_pairs_evaluation --output image_pairs_evaluation

    --input PATH      a picture, a folder of them, or an export in layout=evaluation
    --output DIR      NAME.jpg for each; of a sample SAMPLE/SAMPLE_pred.jpg
    --edit TEXT       what is to be done; without it each sample's prompt.json says it
    --task --target   instead of --edit: seg cat, det dog, depes
    --ckpt PLACE      folder or hub's id of a pipeline; default alaa-lab/InstructCV
    --vae_ckpt PLACE  of another AutoencoderKL
    --resolution 512 --steps 100 --cfg_text 7.5 --cfg_image 1.5 --seed 0
    edit.dtype=float32 cluster.num_jobs=4 …   settings of the run

The run lies in OUTPUT/.labelyard. The same command goes on where it ended, and with
cluster=slurm brings what is finished. Exit codes are those of run.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")

from labelyard.launch.exit_codes import DONE, INCOMPLETE
from labelyard.launch.program import parser, program
from labelyard.utils.errors import UserError
from labelyard.utils.programs import call

RUN, LISTED = ".labelyard/run", ".labelyard/list.jsonl"
CHECKPOINT = "alaa-lab/InstructCV"
# Flags of the original's that have nothing to say here.
IDLE = ("config", "split", "test_txt_path")


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}. See {call('edit_cli')} --help")


@program
def main(arguments: list[str] | None = None) -> int:
    chosen = given(arguments)

    from labelyard.launch.pairs.predictions import asked, copy_out, instruction, write_list
    from labelyard.launch.run import main as start

    target = Path(chosen.output)
    said = instruction(chosen.edit, chosen.task, chosen.target)
    rows = list(asked(Path(chosen.input), said, target))
    if not rows:
        raise UserError(f"--input {chosen.input}: no picture in it")
    if "dry_run=true" in chosen.settings:
        with TemporaryDirectory() as place:
            write_list(rows, Path(place) / "list.jsonl")
            return start(settings(chosen, target, Path(place) / "list.jsonl"))
    made = [path for path in (target / LISTED).parents if not path.exists()]
    write_list(rows, target / LISTED)
    code = start(settings(chosen, target, target / LISTED))
    if made and not (target / RUN).exists():  # it was refused, and nothing stays of it
        (target / LISTED).unlink()
        for path in made:
            path.rmdir()
    if code in (DONE, INCOMPLETE) and (target / RUN).is_dir():
        print(f"{copy_out(target / RUN, target)} of {len(rows)} pictures are in {target}", flush=True)
    return code


def given(arguments: list[str] | None) -> argparse.Namespace:
    asking = parser(__doc__, Parser, usage="%(prog)s --input PATH --output DIR --edit TEXT …")
    for name in ("input", "output"):
        asking.add_argument(f"--{name}", required=True, help=argparse.SUPPRESS)
    for name in ("edit", "task", "target", "vae_ckpt", *IDLE):
        asking.add_argument(f"--{name}", help=argparse.SUPPRESS)
    asking.add_argument("--ckpt", default="", help=argparse.SUPPRESS)
    asking.add_argument("--resolution", default=512, type=int, help=argparse.SUPPRESS)
    asking.add_argument("--steps", default=100, type=int, help=argparse.SUPPRESS)
    asking.add_argument("--cfg_text", default=7.5, type=float, help=argparse.SUPPRESS)
    asking.add_argument("--cfg_image", default=1.5, type=float, help=argparse.SUPPRESS)
    asking.add_argument("--seed", default=0, type=int, help=argparse.SUPPRESS)
    asking.add_argument("settings", nargs="*", help=argparse.SUPPRESS)
    chosen = asking.parse_intermixed_args(arguments)
    for name in IDLE:
        if getattr(chosen, name):
            print(f"--{name} {getattr(chosen, name)}: not needed here, and left aside", flush=True)
    return chosen


def settings(chosen: argparse.Namespace, target: Path, listed: Path) -> list[str]:
    """Of the run."""
    found = ["source=jsonl", f"source.path={listed}", "source.caption_key=text", f"output={target / RUN}"]
    found += ["pipeline.steps=[edit]", "edit=instruct_pix2pix", "edit.text=caption", "write.image=none"]
    found += [f"edit.checkpoint={chosen.ckpt or CHECKPOINT}", f"edit.resolution={chosen.resolution}"]
    found += [f"edit.steps={chosen.steps}", f"edit.guidance={chosen.cfg_text}", f"edit.seed={chosen.seed}"]
    found += [f"edit.image_guidance={chosen.cfg_image}"]
    if chosen.vae_ckpt:
        found.append(f"edit.vae={chosen.vae_ckpt}")
    return [*found, *chosen.settings]


if __name__ == "__main__":
    sys.exit(main())
