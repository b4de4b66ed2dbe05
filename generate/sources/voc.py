"""Pascal VOC: boxes in XML, and of some images pictures of masks by class and by object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelyard.generate.record import Instance, Record
from labelyard.generate.rows import Row
from labelyard.generate.settings import setting
from labelyard.generate.sources.common.dataset import (
    Dataset,
    Described,
    boxed,
    content,
    hull,
    is_there,
    labels,
    voc_objects,
)
from labelyard.utils import rle
from labelyard.utils.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# In VOC's own order: number 1 to 20 of a picture of classes.
CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
BORDER = 255
ALIKE = 0.3  # of box and mask, by shared area, to be of one object


@dataclass(kw_only=True)
class Voc(Dataset):
    """`path` is VOC2012, or VOCdevkit above it. Masks are taken from SegmentationObject where an image has one; its
    border belongs to no mask."""

    split: str = "train"  # of ImageSets/SETS/….txt
    # Main: all images; Segmentation: those with masks
    sets: str = setting("Main", words=("Main", "Segmentation"))

    @classmethod
    def recognises(cls, path: Path) -> bool:
        return path.is_dir() and any(
            (top / "ImageSets").is_dir() and (top / "Annotations").is_dir() for top in _tops(path)
        )

    def top(self) -> Path:
        there = [top for top in _tops(super().top()) if (top / "JPEGImages").is_dir()]
        if not there:
            raise UserError(f"source.path={self.path}: no JPEGImages in it, nor in a VOC20… below it")
        if len(there) > 1:
            names = ", ".join(top.name for top in there)
            raise UserError(f"source.path={self.path} holds {names}. Name one: source.path={there[-1]}")
        return there[0]

    def gives(self) -> dict[str, tuple[str, ...]]:
        return {"voc": ("instances", "instances.mask")}

    def entries(self) -> Iterator[Row]:
        path = self.top() / "ImageSets" / self.sets / f"{self.split}.txt"
        for number, line in self.lines(path):
            name = line.split()[0]
            yield self.item(f"JPEGImages/{name}.jpg", name, f"{path}, line {number}", {"name": name})


def _tops(path: Path) -> list[Path]:
    return [path] if (path / "JPEGImages").is_dir() else sorted(path.glob("VOC20[0-9][0-9]"))


def take(record: Record, known: Mapping[str, Any]) -> None:
    record.instances = read(known["name"], known.get("root"), record)


def read(name: str, root: str | None, record: Record) -> list[Instance]:
    xml, objects = f"Annotations/{name}.xml", f"SegmentationObject/{name}.png"
    described = voc_objects(content(xml, root, record), xml, record)
    found = [_of(one) for one in described]
    if not is_there(objects, root):
        return found
    numbers = labels(objects, root, record)
    classes = labels(f"SegmentationClass/{name}.png", root, record)
    waiting = list(range(len(found)))
    for number in sorted(set(numbers.ravel().tolist()) - {0, BORDER}):
        mask = numbers == number
        label = _majority(classes[mask])
        if label is None:
            continue
        place = _fitting(hull(mask), label, described, waiting, number - 1)
        if place is None:
            found.append(Instance(hull(mask), 1.0, label, mask=rle.encode(mask)))
        else:
            waiting.remove(place)
            found[place].mask = rle.encode(mask)
    return found


def _of(described: Described) -> Instance:
    given = {"difficult": 1} if described.difficult else {}
    return boxed(described.box, described.label, **given, **({"truncated": 1} if described.truncated else {}))


def _majority(values: NDArray[np.integer]) -> str | None:
    import numpy as np

    counts = np.bincount(values.astype(np.int64), minlength=256)[1 : len(CLASSES) + 1]
    return CLASSES[int(counts.argmax())] if counts.any() else None


def _fitting(
    box: tuple[float, float, float, float], label: str, described: Sequence[Described], waiting: Sequence[int], own: int
) -> int | None:
    """The object that a mask belongs to: of its class and nearly its place. Of several the one of its number."""
    import numpy as np

    from labelyard.utils.boxes import iou

    fitting = [place for place in waiting if described[place].label == label]
    if not fitting:
        return None
    shared = iou(np.array(box), np.array([described[place].box for place in fitting]))
    best = max(range(len(fitting)), key=lambda n: (round(float(shared[n]), 1), fitting[n] == own))
    return fitting[best] if shared[best] >= ALIKE else None
