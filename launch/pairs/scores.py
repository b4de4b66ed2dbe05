"""How good predictions are: each read as its coding has it, and held against the truth beside it."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelyard.generate.exporters.instructcv import codings
from labelyard.utils.boxes import iou
from labelyard.utils.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image

TASKS = ("det", "seg", "cls", "depes", "panoptic", "derain", "enhance", "denoise")
TWIN = re.compile(r"-[0-9a-f]{16}(?:-\d+)?$")  # behind the later of two equal names
SHARED = 0.5  # of a box's and a truth's area together, to be a hit


@dataclass(frozen=True)
class Pair:
    folder: Path
    task: str
    label: str
    prediction: Path


@dataclass
class Scores:
    """What is summed over the samples of a task; at its end it is divided."""

    samples: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    sums: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    by_class: dict[str, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0, 0.0, 0.0]))


def pairs(top: Path) -> tuple[list[Pair], list[str]]:
    """Those with a prediction, and the samples that have none."""
    if not top.is_dir():
        raise UserError(f"{top}: there is no such folder (looked in {Path.cwd()})")
    found, without = list[Pair](), list[str]()
    for folder in sorted(path for path in top.iterdir() if path.is_dir() and path.name[0] != "."):
        task = TWIN.sub("", folder.name).rpartition("_")[2]
        if task not in TASKS or not (folder / f"{folder.name}_gt.png").is_file():
            continue
        there = [folder / f"{folder.name}_pred.{ending}" for ending in ("png", "jpg")]
        prediction = next((path for path in there if path.is_file()), None)
        if prediction is None:
            without.append(folder.name)
            continue
        label = json.loads((folder / "prompt.json").read_bytes()).get("output", "")
        found.append(Pair(folder, task, label, prediction))
    return found, without


def scored(some: Sequence[Pair], farthest: float) -> dict[str, dict[str, Any]]:
    totals: dict[str, Scores] = defaultdict(Scores)
    for pair in some:
        truth = _opened(pair.folder / f"{pair.folder.name}_gt.png")
        prediction = _opened(pair.prediction).resize(truth.size)
        scores = totals[pair.task]
        scores.samples["samples"] += 1
        _ADD[pair.task](scores, pair, truth, prediction, farthest)
    return {task: {"samples": totals[task].samples["samples"], **_ended(task, totals[task])} for task in sorted(totals)}


def _opened(path: Path) -> Image:
    from PIL import Image as Pillow

    with Pillow.open(path) as opened:
        picture: Image = opened.convert("RGB")
        return picture


def _depth(scores: Scores, pair: Pair, truth: Image, prediction: Image, farthest: float) -> None:
    import numpy as np

    wanted, found = (codings.metres_in(picture, farthest) for picture in (truth, prediction))
    known = wanted > 0
    if known.any():
        off = found[known] - wanted[known]
        scores.samples["known"] += 1
        scores.sums["abs_rel"] += float((np.abs(off) / wanted[known]).mean())
        scores.sums["rmse"] += float(np.sqrt((off**2).mean()))


def _mask(scores: Scores, pair: Pair, truth: Image, prediction: Image, farthest: float) -> None:
    wanted, found = codings.mask_in(truth), codings.mask_in(prediction)
    total = scores.by_class[pair.label]
    total[0] += float((wanted & found).sum())
    total[1] += float((wanted | found).sum())


def _boxes(scores: Scores, pair: Pair, truth: Image, prediction: Image, farthest: float) -> None:
    wanted = json.loads((pair.folder / "bbox.json").read_bytes())["bbox"]
    source = next(pair.folder.glob("*_0.jpg"), None)
    found = codings.boxes_in(prediction, None if source is None else _opened(source).resize(prediction.size))
    total = scores.by_class[pair.label]
    total[0] += _hits(found, wanted)
    total[1] += len(found)
    total[2] += len(wanted)


def _hits(found: Sequence[codings.Box], wanted: list[list[float]]) -> int:
    import numpy as np

    waiting, hits = [list(box) for box in wanted], 0
    for box in found:
        if not waiting:
            break
        shared = iou(np.array(box, float), np.array(waiting, float))
        if shared.max() >= SHARED:
            hits += 1
            del waiting[int(shared.argmax())]
    return hits


def _colour(scores: Scores, pair: Pair, truth: Image, prediction: Image, farthest: float) -> None:
    scores.sums["right"] += codings.colour_in(truth) == codings.colour_in(prediction)


def _classes(scores: Scores, pair: Pair, truth: Image, prediction: Image, farthest: float) -> None:
    """By the nearest of the colours that the truth has."""
    import numpy as np

    wanted, found = np.asarray(truth).astype(int), np.asarray(prediction).astype(int)
    colours = np.unique(wanted.reshape(-1, 3), axis=0)
    distances = np.stack([np.abs(found - colour).sum(axis=2) for colour in colours])
    scores.sums["pixels"] += float((colours[distances.argmin(axis=0)] == wanted).all(axis=2).mean())


def _restored(scores: Scores, pair: Pair, truth: Image, prediction: Image, farthest: float) -> None:
    import numpy as np

    error = ((np.asarray(truth).astype(float) - np.asarray(prediction).astype(float)) ** 2).mean()
    scores.sums["psnr"] += 100.0 if error == 0 else float(10 * np.log10(255**2 / error))


_ADD = {
    "depes": _depth, "seg": _mask, "det": _boxes, "cls": _colour, "panoptic": _classes,
    **dict.fromkeys(("derain", "enhance", "denoise"), _restored),
}  # fmt: skip


def _ended(task: str, scores: Scores) -> dict[str, float]:
    number = scores.samples["samples"]
    if task == "depes":
        known = max(1, scores.samples["known"])
        return {"abs_rel": scores.sums["abs_rel"] / known, "rmse": scores.sums["rmse"] / known}
    if task == "seg":
        return {"miou": _mean(both / either for both, either, _ in scores.by_class.values() if either)}
    if task == "det":
        return {"ap50": _mean(_average_precision(*total) for total in scores.by_class.values())}
    names = {"cls": ("accuracy", "right"), "panoptic": ("pixel_accuracy", "pixels")}
    name, total = names.get(task, ("psnr", "psnr"))
    return {name: scores.sums[total] / number}


def _average_precision(hits: float, found: float, wanted: float) -> float:
    """Boxes that are drawn have no scores, so there is one threshold: precision holds as far as recall reaches."""
    return (hits / found) * (hits / wanted) if found and wanted else 0.0


def _mean(values: Iterator[float]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0
