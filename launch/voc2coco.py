"""Pascal VOC as COCO's JSON, on one line, as InstructCV's scripts read it.

    python launch/voc2coco.py VOC2012
    python launch/voc2coco.py VOC2012 --split train --out data/train.json

VOC2012 is the folder with JPEGImages and Annotations, or VOCdevkit above it.
Without --split it is done for train and for val, and written where InstructCV
looks: VOC2012/data/train.json and val.json. Masks become polygons that OpenCV
fills to the same pixels; images without masks have boxes alone.

source=coco reads it, too: source.path=train.json source.root=VOC2012/JPEGImages
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NoReturn

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")

from labelyard.launch.exit_codes import DONE, INCOMPLETE
from labelyard.launch.merging.summary import short
from labelyard.launch.program import parser, program
from labelyard.utils.english import counted
from labelyard.utils.errors import UserError
from labelyard.utils.programs import call

SHOWN = 10


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}. Try: {call('voc2coco')} VOC2012")


@program
def main(arguments: list[str] | None = None) -> int:
    asking = parser(__doc__, Parser)
    asking.add_argument("voc", help="the folder with JPEGImages and Annotations")
    asking.add_argument("--split", help="of ImageSets; without it train and val")
    asking.add_argument("--sets", default="Main", choices=("Main", "Segmentation"), help="the folder of lists")
    asking.add_argument("--out", type=Path, help="of one split: the JSON to write")
    chosen = asking.parse_args(arguments)
    if chosen.out is not None and chosen.split is None:
        raise UserError("--out is the file of one split. Say which: --split train")

    from labelyard.generate.sources.voc import Voc
    from labelyard.launch.pairs.coco_json import write

    top = Voc(path=chosen.voc).top()
    splits = [chosen.split] if chosen.split else _there(top, chosen.sets)
    left_out = 0
    for split in splits:
        out = chosen.out or top / "data" / f"{split}.json"
        found = write(Voc(path=chosen.voc, split=split, sets=chosen.sets), out)
        print(f"{counted(found.images, 'image')} with {counted(found.objects, 'object')} in {short(out.resolve())}")
        for text in found.left_out[:SHOWN]:
            print(f"left out: {text}")
        left_out += len(found.left_out)
    if left_out > SHOWN:
        print(f"{left_out} left out in all")
    return INCOMPLETE if left_out else DONE


def _there(top: Path, sets: str) -> list[str]:
    found = [split for split in ("train", "val") if (top / "ImageSets" / sets / f"{split}.txt").is_file()]
    if not found:
        raise UserError(f"{top}/ImageSets/{sets} has neither train.txt nor val.txt. Say which: --split NAME")
    return found


if __name__ == "__main__":
    sys.exit(main())
