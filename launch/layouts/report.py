"""What is said of a layout: a line for each data set, then which tasks can be trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labelyard.launch.layouts.contents import FIRST, Seen
from labelyard.launch.layouts.table import Dataset, Layout, Reader

COMPLETE, PARTIAL, MISSING = "complete", "partial", "missing"


@dataclass
class Standing:
    """How one data set is."""

    dataset: Dataset
    folder: Path | None  # None: it lies in the layout itself
    took: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    not_linked: list[str] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)

    @property
    def state(self) -> str:
        if all(one.missing for one in self.seen) and (self.missing or self.seen):
            return MISSING
        well = not self.missing and not self.not_linked and all(one.is_well for one in self.seen)
        return COMPLETE if well else PARTIAL

    def to_json(self) -> dict[str, Any]:
        return {
            "state": self.state,
            "folder": None if self.folder is None else str(self.folder),
            "took": self.took,
            "missing": [*self.missing, *(name for one in self.seen for name in one.missing)],
            "not_linked": self.not_linked,
            "files": {
                one.name: {
                    "entries": one.entries,
                    "pictures_named": one.named,
                    "pictures_absent": one.absent,
                    "first_absent": one.first_absent,
                    "problems": one.problems,
                }
                for one in self.seen
                if not one.missing
            },
        }

    def lines(self) -> Iterator[str]:
        seen = [one for one in self.seen if not one.missing]
        named, absent = sum(one.named for one in seen), sum(one.absent for one in seen)
        counts = f"{len(seen)} of {len(self.seen)} parts found"
        counts += f", {named} pictures named, {absent} absent" if named else ""
        took = f"; took {', '.join(self.took)}" if self.took else ""
        usual = f" (usually about {self.dataset.usual})" if self.dataset.usual else ""
        yield f"  {self.dataset.name:<14}{self.state:<10}{counts}{took}{usual}"
        for text in self.missing:
            yield f"      missing: {text}"
        for name in (name for one in self.seen for name in one.missing):
            yield f"      missing: {name}"
        for text in self.not_linked:
            yield f"      not linked: {text}"
        for one in seen:
            if one.absent:
                more = ", …" if one.absent > FIRST else ""
                first = ", ".join(one.first_absent)
                yield f"      absent: {one.absent} of {one.named} that {one.name} names: {first}{more}"
            yield from (f"      {problem}" for problem in one.problems)


def readers(layout: Layout, standings: Sequence[Standing]) -> dict[str, dict[str, str]]:
    """Of each task the trainer's classes, with what keeps them from their data; "" where nothing does."""
    seen = {one.name: one for standing in standings for one in standing.seen}
    return {task: {one.name: _obstacle(one, seen) for one in some} for task, some in layout.tasks.items()}


def _obstacle(reader: Reader, seen: Mapping[str, Seen]) -> str:
    if reader.never:
        return f"never: {reader.never}"
    for name in reader.needs:
        if name not in seen or seen[name].missing:
            return f"{name} is missing"
        if seen[name].problems:
            return seen[name].problems[0]
        if seen[name].absent:
            return f"{seen[name].absent} pictures that {name} names are absent"
    return ""


def trainable(some: Mapping[str, str]) -> str:
    """Of the classes that can work at all."""
    able = [obstacle for obstacle in some.values() if not obstacle.startswith("never")]
    well = [obstacle for obstacle in able if not obstacle]
    return "yes" if able and len(well) == len(able) else "partly" if well else "no"


def task_lines(found: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for task, some in found.items():
        well = sum(not obstacle for obstacle in some.values())
        yield f"  {task:<24}{trainable(some):<8}{well} of {len(some)} classes and splits load"
        for name, obstacle in some.items():
            if obstacle:
                yield f"      {name}: {obstacle}"


def path_warning(layout: Layout, root: Path) -> str | None:
    inside = [text for text in layout.replaced if text in f"{root}/"]
    if not inside:
        return None
    return (
        f"the path {root} holds {', '.join(map(repr, inside))}, which the trainer replaces in every path that it is "
        "given: as an absolute --dataset_dir it would look elsewhere. Give it as a relative one, as below"
    )
