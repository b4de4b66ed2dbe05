"""A dataset with Graph200K's columns: small pictures that are told apart by their colours, and nulls here and there."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from labelyard.utils.graph200k import IMAGES

ROWS = 9
SIDE = 32


@cache
def picture(n: int, at: int, side: int = SIDE) -> bytes:
    """As JPEG, in which the dataset's are."""
    made = Image.new("RGB", (side, side), ((n * 37) % 256, (at * 8) % 256, 90))
    ImageDraw.Draw(made).ellipse((side // 4, side // 4, side // 2 + n % 7, side // 2), fill=(250, 200, (at * 5) % 256))
    buffer = io.BytesIO()
    if at and IMAGES[at - 1] == "foreground":
        made = Image.new("L", made.size)
        made.paste(255, (side // 4, side // 4, side // 2 + n % 7, side // 2))
    made.save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def is_null(n: int, column: str) -> bool:
    absent = {"ref": n % 5 == 1, "openpose": n % 3 == 1, "FillEdit_image_3": n == 3}
    return absent.get(column, False)


def row(n: int) -> dict[str, Any]:
    found: dict[str, Any] = {"target": {"bytes": picture(n, 0), "path": None}}
    for at, column in enumerate(IMAGES, 1):
        found[column] = None if is_null(n, column) else {"bytes": picture(n, at), "path": None}
    description = {"item": f"a cup {n}", "description_0": f"on a «table» {n}", "description_1": f"in a room {n}"}
    scores = {"compositeStructure": 5, "objectConsistency": 3 + n % 3, "imageQuality": 4}
    return {
        **found,
        "collection": f"collection_{1 + n % 2}",
        "description": description,
        "quality_assessment": None if n in (1, 4) else scores,  # without reference, and with one
        "qwen_2_5_meta": f'[{{"label": "cup", "box": [1, 2, {n}, 4]}}]',
        "FillEdit_meta": {"name": [f"jug {k}" for k in range(5)], "description": [f"a jug {k}" for k in range(5)]},
    }


def dataset(rows: int = ROWS) -> Any:
    import datasets

    text, number = datasets.Value("string"), datasets.Value("int64")
    features: dict[str, Any] = {
        **{name: datasets.Image() for name in ("target", *IMAGES)},
        "collection": text,
        "description": dict.fromkeys(("item", "description_0", "description_1"), text),
        "quality_assessment": dict.fromkeys(("compositeStructure", "objectConsistency", "imageQuality"), number),
        "qwen_2_5_meta": text,
        "FillEdit_meta": {"name": datasets.List(text), "description": datasets.List(text)},
    }
    return datasets.Dataset.from_list([row(n) for n in range(rows)], features=datasets.Features(features))


def saved(folder: Path, rows: int = ROWS) -> Path:
    """As the hub's dataset comes: a folder with two splits."""
    import datasets

    whole = dataset(rows)
    datasets.DatasetDict({"train": whole.select([0]), "test": whole}).save_to_disk(str(folder))
    return folder
