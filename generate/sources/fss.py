"""FSS-1000: a folder per class, ten images in each with a mask of one object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from labelyard.generate.record import Record
from labelyard.generate.rows import Refusal, Row
from labelyard.generate.settings import transient
from labelyard.generate.sources.common.dataset import Dataset, instance, labels, listed, said

LOOKED_AT = 5  # folders, to recognise it by
WHITE = 127


@dataclass(kw_only=True)
class Fss(Dataset):
    """CLASS/N.jpg, and CLASS/N.png in which the object is white."""

    list: str | None = transient(None)  # a file of CLASS/N.jpg lines; null: all that there are

    @classmethod
    def recognises(cls, path: Path) -> bool:
        folders = list(islice((one for one in path.iterdir() if one.is_dir()), LOOKED_AT)) if path.is_dir() else []
        return bool(folders) and all(map(_is_of_pairs, folders))

    def gives(self) -> dict[str, tuple[str, ...]]:
        return {"fss": ("instances", "instances.mask")}

    def entries(self) -> Iterator[Row]:
        for where, name in self._names():
            folder, _, file = name.rpartition("/")
            if not folder:
                yield Refusal(where, f"{name!r:.80} is not CLASS/N.jpg")
                continue
            stem, label = file.rpartition(".")[0], said(folder.rpartition("/")[2])
            known = {"mask": f"{folder}/{stem}.png", "label": label}
            yield self.item(name, f"{label.replace(' ', '_')}_{stem}", where, known)

    def _names(self) -> Iterator[tuple[str, str]]:
        if self.list is not None:
            path = Path(self.there("list", self.list))
            for number, line in self.lines(path):
                if not line.endswith(".png"):
                    yield f"{path}, line {number}", line.lstrip("/")
            return
        top = self.top()
        for folder in sorted(one.name for one in top.iterdir() if one.is_dir() and one.name[0] != "."):
            for name in sorted(listed(top / folder, (".jpg", ".jpeg")), key=lambda name: (len(name), name)):
                yield f"{top}/{folder}/{name}", f"{folder}/{name}"


def _is_of_pairs(folder: Path) -> bool:
    names = {path.name for path in folder.iterdir() if path.name[0] != "."}
    photos = {name[:-4] for name in names if name.endswith(".jpg")}
    return (
        bool(photos)
        and all(map(str.isdecimal, photos))
        and names == {f"{n}.{e}" for n in photos for e in ("jpg", "png")}
    )


def take(record: Record, known: Mapping[str, Any]) -> None:
    pixels = labels(known["mask"], known.get("root"), record)
    inside = (pixels if pixels.ndim == 2 else pixels[..., :3].max(axis=2)) > WHITE
    if pixels.dtype == bool:
        inside = pixels.astype(bool)
    record.instances = [instance(inside, known["label"])] if inside.any() else []
