"""Pictures with what they would be without rain, darkness or noise: derain sets, LOL, SIDD."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelyard.generate.record import Record, Tag
from labelyard.generate.rows import Refusal, Row
from labelyard.generate.settings import setting, transient
from labelyard.generate.sources.common.dataset import Dataset, listed, side
from labelyard.utils.errors import UserError

TAGS = {"derain": "rain", "lol": "dark", "sidd": "noise"}
# Folders of the two, below that of the split.
FOLDERS = {"derain": ("input", "target"), "lol": ("low", "high")}
SPLITS = {"derain": "train", "lol": "our485"}
LAST_NUMBER = re.compile(r"(\d+)\.\w+$")


@dataclass(kw_only=True)
class Paired(Dataset):
    """The clean image stays where it is, as images.clean, and the tag says what it is free of: rain, dark or noise."""

    # derain: SPLIT/input and SPLIT/target; lol: SPLIT/low and SPLIT/high; sidd: …NOISY… and …GT… of a number in a
    # folder per scene; null: by what is there
    kind: str | None = setting(None, words=tuple(TAGS))
    split: str | None = None  # null: train, our485
    input: str | None = transient(None)  # with `target`, and equal names in both: any two folders
    target: str | None = transient(None)  # the folder of the clean ones

    @classmethod
    def recognises(cls, path: Path) -> bool:
        return path.is_dir() and _kind_of(path) is not None

    def gives(self) -> dict[str, tuple[str, ...]]:
        return {"paired": ("tags", "images.clean")}

    def entries(self) -> Iterator[Row]:
        top = self.top()
        if (self.input is None) != (self.target is None):
            raise UserError("source.input and source.target go together: a folder each, with equal names in both")
        kind = self.kind or _kind_of(top)
        if kind is None:
            raise UserError(f"source.path={self.path}: neither of {', '.join(TAGS)}. Say which: source.kind=…")
        if kind == "sidd" and self.input is None:
            yield from self._scenes(top)
            return
        one, other = self.input, self.target
        if one is None or other is None:
            split = self.split or SPLITS[kind]
            one, other = (f"{split}/{folder}" for folder in FOLDERS[kind])
        for name in listed(top / one):
            clean = _alike(top / other, name)
            yield self._pair(f"{one}/{name}", f"{other}/{clean}", kind)

    def _scenes(self, top: Path) -> Iterator[Row]:
        for folder in sorted(one for one in top.iterdir() if one.is_dir() and one.name[0] != "."):
            names = listed(folder)
            clean = {_number(name): name for name in names if "GT" in name}
            for name in names:
                if "NOISY" not in name:
                    continue
                if (number := _number(name)) not in clean:
                    yield Refusal(f"{folder}/{name}", f"no …GT… of number {number} beside it")
                else:
                    yield self._pair(f"{folder.name}/{name}", f"{folder.name}/{clean[number]}", "sidd")

    def _pair(self, image: str, clean: str, kind: str) -> Row:
        known = {"clean": clean, "tag": TAGS[kind]}
        return self.item(image, Path(image).stem, f"{self.path}/{image}", known)


def _kind_of(path: Path) -> str | None:
    for kind, folders in FOLDERS.items():
        if any(all((split / folder).is_dir() for folder in folders) for split in path.iterdir() if split.is_dir()):
            return kind
    scene = next((one for one in sorted(path.iterdir()) if one.is_dir()), None)
    if scene is None:
        return None
    names = [one.name for one in scene.iterdir()]
    return "sidd" if any("NOISY" in name for name in names) and any("GT" in name for name in names) else None


def _alike(folder: Path, name: str) -> str:
    """The file of that name, or of its stem; if there is none, its item will tell."""
    if (folder / name).exists():
        return name
    stem = name.rpartition(".")[0]
    return next((path.name for path in sorted(folder.glob(f"{stem}.*")) if path.stem == stem), name)


def _number(name: str) -> str | None:
    found = LAST_NUMBER.search(name)
    return found[1] if found else None


def take(record: Record, known: Mapping[str, Any]) -> None:
    record.tags = [Tag(known["tag"], 1.0)]
    side(record, "clean", known["clean"], known.get("root"), {})
