"""The Oxford-IIIT pets: cats and dogs with their breed, a mask of each, and boxes around heads of some."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelyard.generate.record import Record, Tag
from labelyard.generate.rows import Refusal, Row
from labelyard.generate.sources.common.dataset import (
    Dataset,
    boxed,
    content,
    instance,
    is_there,
    labels,
    said,
    voc_objects,
)

SPECIES = {"1": "cat", "2": "dog"}
# What the numbers of a trimap are.
PARTS = {1: "body", 3: "border"}


@dataclass(kw_only=True)
class Pets(Dataset):
    """`path` holds images/ and annotations/. An image gets its breed and species as tags, and instances of which
    `given.part` says what they are: body (mask), border (the mask between body and ground), head (box, where there is
    one)."""

    split: str = "trainval"  # or test: of annotations/….txt

    @classmethod
    def recognises(cls, path: Path) -> bool:
        folder = path / "annotations"
        return (folder / "trimaps").is_dir() and any(
            (folder / f"{name}.txt").is_file() for name in ("trainval", "test")
        )

    def gives(self) -> dict[str, tuple[str, ...]]:
        return {"pets": ("tags", "instances", "instances.mask")}

    def entries(self) -> Iterator[Row]:
        path = self.top() / "annotations" / f"{self.split}.txt"
        for number, line in self.lines(path):
            words, where = line.split(), f"{path}, line {number}"
            if line.startswith("#"):
                continue
            if len(words) != 4 or words[2] not in SPECIES:
                yield Refusal(where, f"{line!r:.80} is not 'NAME CLASS SPECIES BREED', with species 1 or 2")
                continue
            name, breed, species = words[0], said(words[0].rpartition("_")[0]), SPECIES[words[2]]
            known = {"name": name, "breed": breed, "species": species}
            yield self.item(f"images/{name}.jpg", name, where, known, breed=breed, species=species)


def take(record: Record, known: Mapping[str, Any]) -> None:
    name, root = known["name"], known.get("root")
    kind = {"breed": known["breed"], "species": known["species"]}
    record.tags = [Tag(word, 1.0) for word in kind.values()]
    trimap = labels(f"annotations/trimaps/{name}.png", root, record)
    found = [
        instance(trimap == number, kind["breed"], part=part, **kind)
        for number, part in PARTS.items()
        if (trimap == number).any()
    ]
    xml = f"annotations/xmls/{name}.xml"
    if is_there(xml, root):
        for described in voc_objects(content(xml, root, record), xml, record):
            found.append(boxed(described.box, kind["breed"], part="head", **kind))
    record.instances = found
