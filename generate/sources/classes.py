"""A folder per class with the images of it: ImageNet, Caltech-101, or one's own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from labelyard.generate.record import Record, Tag
from labelyard.generate.rows import Row
from labelyard.generate.settings import transient
from labelyard.generate.sources.common.dataset import Dataset, listed, said
from labelyard.utils.errors import UserError, nearest

MAPPING = "LOC_synset_mapping.txt"
WORDNET = re.compile(r"n\d{8}")
CALTECH = "101_ObjectCategories"


@dataclass(kw_only=True)
class Classes(Dataset):
    """CLASS/….jpg. The class is the image's one tag."""

    # of folders: ImageNet's LOC_synset_mapping.txt ("n01440764 tench, Tinca tinca"), or a yaml; null: what the
    # folders are called
    names: str | None = transient(None)
    classes: list[str] | None = None  # only these, by folder or by name

    @classmethod
    def recognises(cls, path: Path) -> bool:
        if not path.is_dir():
            return False
        if path.name == CALTECH:
            return True
        folders = [one.name for one in islice((one for one in path.iterdir() if one.is_dir()), 50)]
        return bool(folders) and all(map(WORDNET.fullmatch, folders))

    def gives(self) -> dict[str, tuple[str, ...]]:
        return {"classes": ("tags",)}

    @cached_property
    def _names(self) -> Mapping[str, str]:
        top = self.top()
        beside = next((place / MAPPING for place in (top, top.parent) if (place / MAPPING).is_file()), None)
        path = beside if self.names is None else Path(self.there("names", self.names))
        if path is None:
            return {}
        if path.suffix in (".yaml", ".yml"):
            return _of_yaml(path)
        found = (line.partition(" ") for _, line in self.lines(path))
        return {folder: said(words.partition(",")[0]) for folder, _, words in found}

    def entries(self) -> Iterator[Row]:
        top = self.top()
        folders = sorted(one.name for one in top.iterdir() if one.is_dir() and one.name[0] != ".")
        labels = {folder: self._names.get(folder, said(folder)) for folder in folders}
        self._check(labels)
        for folder, label in labels.items():
            if self.classes is None or {folder, label} & set(self.classes):
                for name in listed(top / folder):
                    stem = name.rpartition(".")[0]
                    yield self.item(f"{folder}/{name}", stem, f"{top}/{folder}/{name}", {"tag": label})

    def _check(self, labels: Mapping[str, str]) -> None:
        known = [*labels, *labels.values()]
        if not labels:
            raise UserError(f"source.path={self.path}: no folder of a class in it")
        for name in self.classes or ():
            if name not in known:
                likely = nearest(name, known)
                hint = f" Did you mean {likely}?" if likely else ""
                raise UserError(f"source.classes: there is no class '{name}' in {self.path}.{hint}")


def _of_yaml(path: Path) -> Mapping[str, str]:
    import yaml

    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise UserError(f"source.names={path} holds no names by folder, such as n01440764: tench")
    return {str(folder): said(str(name)) for folder, name in found.items()}


def take(record: Record, known: Mapping[str, Any]) -> None:
    record.tags = [Tag(known["tag"], 1.0)]
