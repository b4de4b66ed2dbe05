"""How good predictions are, in an export instructcv with layout=evaluation.

    python launch/edit_cli.py --input pairs --output pairs
    python launch/evaluate_pairs.py pairs

Of each sample SAMPLE/SAMPLE_pred.png or .jpg is held against SAMPLE_gt.png:

    seg     mean IoU over classes        depes   abs rel and RMSE, in metres
    det     AP at IoU 0.5 of the boxes that are outlined in blue, over classes
    cls     accuracy by the nearest colour
    panoptic  accuracy of pixels         derain, enhance, denoise   PSNR

The numbers stand in PAIRS/scores.json, too. Exit code 3: samples without a
prediction are left out, and counted.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import NoReturn

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")

from labelyard.launch.exit_codes import DONE, INCOMPLETE
from labelyard.launch.program import parser, program
from labelyard.utils.errors import UserError
from labelyard.utils.programs import call


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}. Try: {call('evaluate_pairs')} PAIRS")


@program
def main(arguments: list[str] | None = None) -> int:
    asking = parser(__doc__, Parser)
    asking.add_argument("pairs", type=Path, help="the export")
    asking.add_argument("--depth_max", type=float, default=10.0, help="metres that are white, as in the export")
    chosen = asking.parse_args(arguments)

    from labelyard.launch.pairs.scores import pairs, scored
    from labelyard.utils.atomic import write_atomic

    found, without = pairs(chosen.pairs)
    if not found:
        raise UserError(
            f"{chosen.pairs}: no sample has a prediction ({len(without)} have none). Make them: {call('edit_cli')} "
            f"--input {chosen.pairs} --output {chosen.pairs}"
        )
    scores = scored(found, chosen.depth_max)
    write_atomic(chosen.pairs / "scores.json", json.dumps(scores, indent=1).encode())
    for task, numbers in scores.items():
        told = ", ".join(f"{name} {value:.4f}" for name, value in numbers.items() if name != "samples")
        print(f"{task:<9} {numbers['samples']:>6} samples: {told}")
    if without:
        print(f"{len(without)} samples without a prediction, such as {without[0]}")
    return INCOMPLETE if without else DONE


if __name__ == "__main__":
    sys.exit(main())
