"""ADE20K as it comes for scene parsing: a number of a class for every pixel, and with the annotations of instances a
mask for every object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelyard.generate.record import Instance, Record
from labelyard.generate.rows import Row
from labelyard.generate.sources.common.dataset import Dataset, instance, labels, listed, said
from labelyard.utils.ade20k import NAMES
from labelyard.utils.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TABLE = "objectInfo150.txt"


@dataclass(kw_only=True)
class Ade20k(Dataset):
    """`path` is ADEChallengeData2016. Every class of an image is one instance, whose `given.category` is its number
    from 1 to 150, and `given.stuff` true."""

    split: str = "training"  # or validation: of images/ and annotations/
    # one instance per object instead, where annotations_instance/ has them; its class is the one that most of its
    # pixels have
    objects: bool = False

    @classmethod
    def recognises(cls, path: Path) -> bool:
        return (path / TABLE).is_file() or all(
            (path / folder / "training").is_dir() or (path / folder / "validation").is_dir()
            for folder in ("images", "annotations")
        )

    def gives(self) -> dict[str, tuple[str, ...]]:
        return {"ade20k": ("instances", "instances.mask")}

    def entries(self) -> Iterator[Row]:
        top = self.top()
        folder = top / "images" / self.split
        if not folder.is_dir():
            there = ", ".join(sorted(path.name for path in folder.parent.iterdir() if path.is_dir())) or "none"
            raise UserError(f"source.split={self.split}: {folder} is not there; there are {there}")
        if self.objects and not (top / "annotations_instance" / self.split).is_dir():
            raise UserError(f"source.objects=true: {top}/annotations_instance/{self.split} is not there")
        names = {"names": TABLE} if (top / TABLE).is_file() else {}
        for name in listed(folder):
            stem = name.rpartition(".")[0]
            known: dict[str, Any] = {"split": self.split, "stem": stem, **names}
            if self.objects:
                known["objects"] = True
            yield self.item(f"images/{self.split}/{name}", stem, f"{folder}/{name}", known)


def take(record: Record, known: Mapping[str, Any]) -> None:
    root, file = known.get("root"), f"{known['split']}/{known['stem']}.png"
    numbers = labels(f"annotations/{file}", root, record)
    names = _names(Path(root or ".", known["names"])) if "names" in known else NAMES
    found: list[Instance] = []
    if known.get("objects"):
        found = _objects(labels(f"annotations_instance/{file}", root, record), numbers, names)
    done = {one.extra["given"]["category"] for one in found}
    for number in sorted(set(numbers.ravel().tolist()) - {0, *done}):
        if number <= len(names):
            found.append(instance(numbers == number, names[number - 1], stuff=True, category=number))
    record.instances = found


def _objects(pixels: NDArray[np.integer], numbers: NDArray[np.integer], names: tuple[str, ...]) -> list[Instance]:
    """Red is a class of its own count, green an object's number within it."""
    import numpy as np

    keys = pixels[..., 0].astype(np.int64) * 256 + pixels[..., 1]
    found: list[Instance] = []
    for key in np.unique(keys[pixels[..., 1] > 0]).tolist():
        mask = keys == key
        counts = np.bincount(numbers[mask].astype(np.int64), minlength=len(names) + 1)[: len(names) + 1]
        counts[0] = 0
        if counts.any():
            number = int(counts.argmax())
            found.append(instance(mask, names[number - 1], category=number))
    return found


_read: dict[Path, tuple[str, ...]] = {}


def _names(path: Path) -> tuple[str, ...]:
    """Of a table in tabs: number, ratio, train, val, stuff, names divided by commas."""
    if path not in _read:
        rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
        numbered = {int(row[0]): said(row[-1].partition(",")[0]) for row in rows if row[0].strip().isdecimal()}
        _read[path] = tuple(numbered.get(n, NAMES[n - 1]) for n in range(1, len(NAMES) + 1))
    return _read[path]
