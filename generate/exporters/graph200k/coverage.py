"""How many rows have which images, and which of the trainer's lists of images are safe with them.

The trainer looks for up to three rows that have all images of a list, never tries the first that it has drawn, and
looks for ever where there are too few: a list is safe with four. It takes a row for one with a reference by its score
alone, and stops where the picture is not there. It stops, too, where its mosaic is to be made of a target of which a
side is an odd number of pixels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from labelyard.generate.exporters.graph200k.tasks import DEGRADED, MOSAIC, REFERENCE, TEST, TRAINING, Group, Images

ENOUGH = 4
LEAST_SCORE = 3  # by which the trainer takes a row for one with a reference
SHOWN = (
    "target", REFERENCE, "canny", "hed", "mlsd", "openpose", "depth", "normal", "foreground", "background", "uniformer",
    "sam2_mask", "mask", "bbox", "DepthEdit", "FillEdit", "InstantStyle", "ReduxStyle",
)  # fmt: skip
TRAP = "reference by its score alone"
ODD = "target of an odd side"
Types = frozenset[str]


def types_of(element: Mapping[str, Any], min_consistency: float, odd: bool = False) -> Types:
    """Of an element of the list: the images that it has, as the trainer calls them. `odd`: a side of its target is."""
    found = {key for key in element["condition"] if key != "qwen_2_5_meta"}
    if odd:
        found.add(ODD)
    if "foreground" in found:
        found.add("background")
    assessment = element["quality_assessment"]
    score = assessment.get("objectConsistency") if isinstance(assessment, Mapping) else None
    if REFERENCE in found and (score is None or score < min_consistency):
        found.remove(REFERENCE)
    elif assessment is not None and REFERENCE not in found and (score is None or score >= LEAST_SCORE):
        found.add(TRAP)
    return frozenset(found)


@dataclass
class Coverage:
    rows: int = 0
    kinds: Counter[Types] = field(default_factory=Counter)  # rows with just these images

    def add(self, types: Types) -> None:
        self.rows += 1
        self.kinds[types] += 1

    def images(self) -> dict[str, int]:
        return {name: self.having((name,)) for name in SHOWN}

    def having(self, images: Images) -> int:
        needed = frozenset(images) - frozenset(DEGRADED)
        return sum(number for types, number in self.kinds.items() if needed <= types)

    def traps(self, images: Images) -> int:
        """Rows that the trainer takes for this list, and then misses the reference in."""
        if REFERENCE not in images:
            return 0
        needed = (frozenset(images) - frozenset(DEGRADED) - {REFERENCE}) | {TRAP}
        return sum(number for types, number in self.kinds.items() if needed <= types)

    def odd(self, images: Images) -> int:
        """Rows that the trainer takes for this list, and can't make its mosaic of."""
        return self.having((*images, ODD)) if MOSAIC in images else 0

    def is_safe(self, images: Images) -> bool:
        return self.having(images) >= ENOUGH and not self.traps(images) and not self.odd(images)

    def safe(self, groups: tuple[Group, ...]) -> list[dict[str, Any]]:
        """In the form of the trainer's own; groups of which nothing is left are left out."""
        return [
            {"task_name": group.name, "sample_weight": group.weight, "image_list": lists}
            for group in groups
            if (lists := [list(images) for images in group.lists if self.is_safe(images)])
        ]

    def groups(self, groups: tuple[Group, ...]) -> list[dict[str, Any]]:
        return [
            {
                "task_name": group.name,
                "lists": len(group.lists),
                "covered": sum(map(self.is_safe, group.lists)),
            }
            for group in groups
        ]

    def warnings(self) -> Iterator[str]:
        for name, number in self.images().items():
            if 0 < number < ENOUGH:
                yield (
                    f"{name}: {number} of {self.rows} rows, and the trainer needs {ENOUGH}: it looks for ever for rows "
                    f"of {self._told(name)}, which task_lists.json leaves out"
                )
        if traps := self.traps((REFERENCE,)):
            yield (
                f"{traps} rows have a score and no reference: the trainer takes them for rows with one, and stops. "
                "task_lists.json leaves such lists out; assessment=with_reference leaves out their scores instead"
            )

        if odd := self.odd((MOSAIC,)):
            yield (
                f"{odd} targets have a side of an odd number of pixels: the trainer's {MOSAIC} stops at such a one. "
                "task_lists.json leaves out the lists in which it is met; side=512 fit=square, in another destination, "
                "makes all sides even"
            )

    def notes(self) -> Iterator[str]:
        absent = [name for name, number in self.images().items() if number == 0 and name != "bbox"]  # in no list
        if absent:
            yield f"no row has {', '.join(absent)}: {self._told(*absent)} fall away"

    def _told(self, *names: str) -> str:
        concerned = [
            sum(not set(names).isdisjoint(images) for group in groups for images in group.lists)
            for groups in (TRAINING, TEST)
        ]
        return f"{concerned[0]} lists of training and {concerned[1]} of test"

    def table(self) -> Iterator[str]:
        width = max(map(len, SHOWN))
        yield f"{'images':<{width}}      rows"
        for name, number in self.images().items():
            yield f"{name:<{width}} {number:>9}"
        for what, groups in (("training", TRAINING), ("test", TEST)):
            told = [f"{one['task_name']} {one['covered']}/{one['lists']}" for one in self.groups(groups)]
            safe = sum(len(group["image_list"]) for group in self.safe(groups))
            of = sum(len(group.lists) for group in groups)
            yield f"lists of {what} that are safe: {safe} of {of} ({', '.join(told)})"

    def to_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "images": self.images(),
            "training": self.groups(TRAINING),
            "test": self.groups(TEST),
            "warnings": list(self.warnings()),
            "notes": list(self.notes()),
        }
