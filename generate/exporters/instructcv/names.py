"""What a sample's folder and files are called."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import PurePosixPath
from typing import Any

from labelyard.generate.record_json.finished import Finished
from labelyard.utils.errors import UserError

LONGEST = 180  # bytes of a name: files have more behind it
PLACES = ("id", "task", "class", "sign")
# How datasets name them whose images are known by names of their own; of all others as COCO's are.
BY_TASK = {"det": "{id}_{task}", "seg": "{id}_{task}", "depes": "{id}_{task}"}
OF_DATASETS: Mapping[str, Mapping[str, str]] = {
    "ade20k": {"seg": "{id}_{class}_{task}", "det": "{id}_{class}_{task}"},
    "voc": {"seg": "{id}_{class}_{task}", "det": "{id}_{class}_{task}"},
    "pets": BY_TASK,
    "fss": BY_TASK,
}
USUAL = {"det": "{id}_{task}_{class}", "seg": "{id}_{task}_{class}", "cls": "{id}_{task}_{class}_{sign}"}
# In the layout for evaluation: of these the class goes without saying.
ALONE = ("pets", "fss", "classes")


@dataclass(frozen=True)
class Named:
    """What a name is made of."""

    id: str
    dataset: str
    task: str
    label: str
    sign: str

    def under(self, pattern: str) -> str:
        values = {"id": self.id, "task": self.task, "class": self.label, "sign": self.sign}
        return clean(re.sub(r"\{(\w+)\}", lambda found: values[found[1]], pattern))

    def for_training(self) -> str:
        usual = USUAL.get(self.task, "{id}_{task}")
        return self.under(OF_DATASETS.get(self.dataset, {}).get(self.task, usual))

    def for_evaluation(self) -> str:
        alone = not self.label or (self.dataset in ALONE and self.sign != "neg")
        return self.under("{id}_{task}" if alone else "{id}_{class}_{task}")


def check_pattern(pattern: str) -> None:
    unknown = [name for name in re.findall(r"\{(\w*)\}", pattern) if name not in PLACES]
    if unknown or not re.search(r"\{\w+\}", pattern) or "/" in pattern:
        known = ", ".join(f"{{{name}}}" for name in PLACES)
        raise UserError(f"name={pattern}: give a file name with some of {known} in it")


def clean(text: str) -> str:
    """One name of a file, whatever a label or a stem holds."""
    name = re.sub(r"[/\\]", "-", text.strip())
    name = "".join(c if c.isprintable() and not c.isspace() else "_" for c in name).strip("_").lstrip(".") or "sample"
    data = name.encode("utf-8", "replace")
    if len(data) <= LONGEST:
        return data.decode()
    mark = hashlib.blake2b(data, digest_size=4).hexdigest()
    return f"{data[: LONGEST - 9].decode('utf-8', 'ignore')}-{mark}"


def id_of(record: Finished) -> str:
    """COCO's number, a dataset's own name, else the file's."""
    body: Mapping[str, Any] = record.body
    if isinstance(body.get("image_id"), str) and body["image_id"]:
        return clean(body["image_id"])
    if type(body.get("coco_id")) is int:
        return f"{body['coco_id']:012d}"
    return clean(PurePosixPath(record.item.image.rpartition("#")[2]).stem or record.item.id)


@dataclass
class Taken:
    """The names that are given away: the later of two equal ones gets its item's id behind it. Of each only a number is
    kept, so that a million take 100 MB."""

    _known: set[int] = field(default_factory=set)

    def add(self, name: str) -> None:
        self._known.add(_digest(name))

    def has(self, name: str) -> bool:
        return _digest(name) in self._known

    def of(self, name: str, item_id: str) -> str:
        number, found = 1, name
        while self.has(found):
            found = f"{name}-{item_id}" + (f"-{number}" if number > 1 else "")
            number += 1
        self.add(found)
        return found


def _digest(name: str) -> int:
    # As a file system sees it that does not tell upper from lower case.
    return int.from_bytes(hashlib.blake2b(name.casefold().encode(), digest_size=8).digest(), "big")


def ending_of(seed: str) -> str:
    """Of the target, by the rule of the training code's loader: it looks at the name alone."""
    return "jpg" if fnmatch(seed, "*det*") or fnmatch(seed, "*cls*") else "png"
