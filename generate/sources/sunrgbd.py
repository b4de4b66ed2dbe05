"""SUN RGB-D: rooms with a depth image each, by the list of a split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelyard.generate.record import Record
from labelyard.generate.rows import Refusal, Row
from labelyard.generate.sources.common.dataset import MILLIMETRES, Dataset, side

# Pixels are millimetres whose bits were turned to the left by three.
DEPTH = {**MILLIMETRES, "rotate_right": 3}
NYU = "kv1/NYUdata/"


@dataclass(kw_only=True)
class Sunrgbd(Dataset):
    """`path` is the folder above SUNRGBD, with SUNRGBD_val_splits.txt in it: lines of IMAGE DEPTH."""

    split: str = "val"  # of SUNRGBD_SPLIT_splits.txt
    keep_nyu: bool = False  # also those that are of NYUv2

    @classmethod
    def recognises(cls, path: Path) -> bool:
        return path.is_dir() and any(path.glob("SUNRGBD_*_splits.txt"))

    def gives(self) -> dict[str, tuple[str, ...]]:
        return {"sunrgbd": ("images.depth",)}

    def entries(self) -> Iterator[Row]:
        path, left_out = self.top() / f"SUNRGBD_{self.split}_splits.txt", Counter[str]()
        self._left_out = left_out
        for number, line in self.lines(path):
            words, where = [word.lstrip("/") for word in line.split()], f"{path}, line {number}"
            if len(words) < 2:
                yield Refusal(where, f"{line!r:.80} is not 'IMAGE DEPTH'")
            elif NYU in words[0] and not self.keep_nyu:
                left_out["images of NYUv2"] += 1
            else:
                yield self.item(words[0], _name_of(words[0]), where, {"depth": words[1]})


def _name_of(image: str) -> str:
    """…/SCENE/image/0000001.jpg: the scene, with the folder that tells it from others of its name."""
    parts = Path(image).parts
    return "_".join([*parts[-4:-2], Path(image).stem]) if len(parts) >= 4 else Path(image).stem


def take(record: Record, known: Mapping[str, Any]) -> None:
    side(record, "depth", known["depth"], known.get("root"), DEPTH)
