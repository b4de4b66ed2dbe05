"""What an export came to: report.json, and the lines that tell it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labelyard.generate.exporter import Damage, Part
from labelyard.generate.exporters.instructcv.layouts import PROMPT
from labelyard.generate.exporters.instructcv.tasks import Coding
from labelyard.generate.record_json.embeddings import planned_without_image
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.standing import Standing
from labelyard.utils.english import counted

NAMED = 1000  # of what stays out of seeds.json


def report(
    run: RunFolder, parts: Sequence[Part], outside: Sequence[str], divisible: bool, panoptic: Coding | None
) -> dict[str, Any]:
    samples, classes = Counter[str](), dict[str, Counter[str]]()
    for part in parts:
        samples.update(part.facts["samples"])
        for task, counts in part.facts["classes"].items():
            classes.setdefault(task, Counter()).update(counts)
    rows = _rows(run)
    looked_at = sum(part.records + part.facts["nothing"] + part.facts["too_few"] + len(part.left_out) for part in parts)
    if looked_at < rows["done"] and planned_without_image(run):
        rows["texts_or_videos"] = rows["done"] - looked_at
    found: dict[str, Any] = {
        "rows": rows,
        "images": sum(part.records for part in parts),
        "nothing_for_these_tasks": sum(part.facts["nothing"] for part in parts),
        "fewer_instances_than_asked": sum(part.facts["too_few"] for part in parts),
        "left_out": [text for part in parts for text in part.left_out],
        "samples": dict(sorted(samples.items())),
        "classes": {task: dict(sorted(counts.items())) for task, counts in sorted(classes.items())},
        "not_in_seeds": len(outside),
        "not_in_seeds_names": list(outside[:NAMED]),
        "divisible": divisible,
    }
    if panoptic is not None:
        found["classes_of_one_colour"] = _alike(panoptic)
    return found


def _rows(run: RunFolder) -> dict[str, int]:
    """What became of the list's rows before an export saw them."""
    plan, standing = run.read_plan(), Standing(run)
    done = sum(1 for number in range(standing.shards) for _ in standing.done(number))
    quarantined = sum(1 for number in range(standing.shards) for _ in standing.quarantined(number))
    return {
        "refused": sum(entry.refused for entry in plan.passes[-1:]),
        "twice": plan.duplicates,
        "items": plan.items,
        "done": done,
        "quarantined": quarantined,
        "pending": plan.items - done - quarantined,
    }


def _alike(coding: Coding) -> list[list[int]]:
    by_colour: dict[tuple[int, int, int], list[int]] = {}
    for number, colour in enumerate(coding.palette):
        by_colour.setdefault(colour, []).append(number)
    return [numbers for numbers in by_colour.values() if len(numbers) > 1]


def told(path: Path) -> list[str]:
    facts = json.loads(path.read_bytes())
    rows, left_out = facts["rows"], len(facts["left_out"])
    samples = ", ".join(f"{task} {number}" for task, number in facts["samples"].items())
    total = sum(facts["samples"].values())
    parts = [f"{facts['images']} with samples", f"{facts['nothing_for_these_tasks']} without any"]
    if facts["fewer_instances_than_asked"]:
        parts.append(f"{facts['fewer_instances_than_asked']} with fewer instances than asked")
    if others := rows.get("texts_or_videos"):
        parts.append(f"{others} texts or videos")
    parts += [f"{left_out} left out", f"{rows['quarantined']} quarantined", f"{rows['refused']} refused"]
    if rows["pending"]:
        parts.append(f"{rows['pending']} pending")
    lines = [
        f"{counted(total, 'sample')}: {samples or 'none'}",
        f"{rows['items'] + rows['refused']} images: " + ", ".join(parts),
    ]
    if facts["not_in_seeds"]:
        lines.append(
            f"{counted(facts['not_in_seeds'], 'sample')} not in seeds.json, so that the loader's cuts fall between two "
            "images (report.json names them)"
        )
    if not facts["divisible"]:
        lines.append(
            "too few images for training, validation and test: samples of one image are on both sides of a cut"
        )
    if alike := facts.get("classes_of_one_colour"):
        lines.append(f"classes that share a colour: {', '.join(' and '.join(map(str, some)) for some in alike)}")
    return lines


def checked(folder: Path, seed: str, ending: str) -> None:
    """As the training code's loader opens it, but for the pixels."""
    from PIL import Image

    sizes = []
    try:
        for name in (f"{seed}_0.jpg", f"{seed}_1.{ending}"):
            with Image.open(folder / name) as picture:
                sizes.append(picture.size)
                if picture.mode != "RGB":
                    raise Damage(f"{folder / name} is {picture.mode}, not RGB")
        edit = json.loads((folder / PROMPT).read_bytes())["edit"]
    except (OSError, ValueError, KeyError) as error:
        raise Damage(f"{folder}: {type(error).__name__}: {error}") from None
    if sizes[0] != sizes[1] or not isinstance(edit, str):
        raise Damage(f"{folder}: a pair of {sizes[0]} and {sizes[1]}, and the sentence {edit!r}")
