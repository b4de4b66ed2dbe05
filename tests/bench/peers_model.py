"""What every system of the comparison computes of a photo, and what it writes: the same code for all."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from labelyard.generate.media.load import Load, load
from labelyard.generate.record import Item, Record, Tag, item_id
from labelyard.generate.record_json.encode import Write
from labelyard.generate.record_json.files import encoded
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.step import Step
from labelyard.generate.steps.edges.canny import Canny

CALLS = "PEERS_CALLS"  # a file that gets a line for every photo that is computed
KILLER = "this one ends its process"  # the caption of an item that does
SHARD = 25
MADE_BY = "PEERS_MADE_BY"  # what the records say of the run that made them, as JSON
NAMES = ("black", "blue", "green", "cyan", "red", "magenta", "yellow", "white")


@dataclass(kw_only=True)
class Colours(Step):
    """The colours that a tenth of the photo has."""

    reads: ClassVar[tuple[str, ...]] = ("image",)
    writes: ClassVar[tuple[str, ...]] = ("tags",)

    def __call__(self, records: Sequence[Record]) -> None:
        import numpy as np

        for record in records:
            told(record.item)
            if record.caption == KILLER:
                os.kill(os.getpid(), signal.SIGKILL)  # as the kernel does when memory runs out
            bits = np.asarray(record.image.convert("RGB")) >> 7
            counts = np.bincount((bits @ np.array([4, 2, 1], np.uint8)).ravel(), minlength=len(NAMES))
            shares = counts / counts.sum()
            order = sorted(range(len(NAMES)), key=lambda n: (-shares[n], n))
            record.tags = [Tag(NAMES[n], round(float(shares[n]), 6)) for n in order if shares[n] >= 0.1]

    def model(self) -> dict[str, Any]:
        return {"name": "Colours"}


def told(item: Item) -> None:
    if path := os.environ.get(CALLS):
        with open(path, "a") as file:
            file.write(f"{item.id}\n")


def rows_of(listed: Path) -> list[dict[str, Any]]:
    """The list, with the place of each row."""
    return [{**row, "index": n} for n, row in enumerate(json.loads(listed.read_bytes()))]


def one(row: Mapping[str, Any], output: str) -> str:
    """From a row to its files, plainly written; its id."""
    item = Item(item_id(row["image"], row["caption"]), row["index"], row["image"], row["caption"])
    record = load(item, None, Load())
    for name, step in _steps().items():
        step([record])
        record.models[name] = step.model()
    folder, shard = RunFolder(Path(output)), item.index // SHARD
    text, _, images = encoded(folder, shard, record, Write(), json.loads(os.environ.get(MADE_BY, "{}")))
    for name, data in images.items():
        _put(folder.image(name, shard, item), data)
    _put(folder.record(shard, item), text)
    return item.id


@cache
def _steps() -> dict[str, Step]:
    steps: dict[str, Step] = {"tag": Colours(), "edges": Canny()}
    for name, step in steps.items():
        step.name = name
        step.setup("cpu")
    return steps


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
