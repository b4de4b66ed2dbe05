"""The sheet in docs/coming-from-visualcloze.md: all condition images of a few photos, small, five in a row.

    python launch/run.py --config-name demo pipeline=graph200k_demo output=runs/conditions
    python -m tests.support.condition_sheet runs/conditions docs/conditions.webp astronaut china coffee

Straight lines are in it where the run has made them (conf/pipeline/graph200k_demo.yaml says how). To look at one photo
closely: `--cell 500 400`, and a name that ends in .png.
"""

from __future__ import annotations

import argparse
import io
import json
from base64 import b64decode
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

SHOWN = (
    ("target", "ref", "qwen_2_5_bounding_box", "qwen_2_5_mask", "foreground"),
    ("uniformer", "canny", "hed", "mlsd", "openpose"),
)
GAP, CELL = 4, (173, 130)
ABSENT = (128, 128, 128)


def images(run: Path, body: dict[str, Any]) -> dict[str, Image.Image]:
    made = {name: Image.open(run / told["path"]).convert("RGB") for name, told in body["images"].items()}
    return {"target": Image.open(io.BytesIO(b64decode(body["image"]))).convert("RGB"), **made}


def sheet(rows: Sequence[dict[str, Image.Image]], cell: tuple[int, int]) -> Image.Image:
    """Each picture is cut to the shape of a cell around its middle; of a reference, a square, all is shown."""
    (width, height), across = cell, len(SHOWN[0])
    size = across * (width + GAP) - GAP, len(rows) * len(SHOWN) * (height + GAP) - GAP
    made = Image.new("RGB", size, "white")
    lines = [(of, names) for of in rows for names in SHOWN]
    for line, (of, names) in enumerate(lines):
        for at, name in enumerate(names):
            picture = of.get(name) or Image.new("RGB", cell, ABSENT)
            shaped = partial(ImageOps.pad, color="white") if name == "ref" else ImageOps.fit
            made.paste(shaped(picture, cell, Image.Resampling.LANCZOS), (at * (width + GAP), line * (height + GAP)))
    return made


def main() -> None:
    asking = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asking.add_argument("run", type=Path)
    asking.add_argument("to", type=Path)
    asking.add_argument("photos", nargs="+", help="beginnings of records' names")
    asking.add_argument("--cell", type=int, nargs=2, default=CELL, metavar=("WIDTH", "HEIGHT"))
    asked = asking.parse_args()
    found = [next(asked.run.glob(f"records/**/*{name}*.json")) for name in asked.photos]
    rows = [images(asked.run, json.loads(path.read_text())) for path in found]
    sheet(rows, tuple(asked.cell)).save(asked.to, quality=60, method=6)


if __name__ == "__main__":
    main()
