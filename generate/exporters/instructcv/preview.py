"""Pairs as an export would make them, to be looked at beside a record: drawn small, on the image that it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelyard.generate.exporters.instructcv import codings
from labelyard.generate.exporters.instructcv.asking import asked
from labelyard.generate.exporters.instructcv.pictures import Picture
from labelyard.generate.exporters.instructcv.tasks import TASKS, Coding, Sample
from labelyard.generate.exporters.instructcv.templates import templates
from labelyard.generate.record import Item
from labelyard.generate.record_json.finished import Finished

if TYPE_CHECKING:
    from PIL.Image import Image

SHOWN = ("det", "seg", "cls", "depes")
MOST = 12  # pairs of one picture


@dataclass(frozen=True)
class Pair:
    task: str
    instruction: str
    becomes: Image


def previewed(path: Path, body: Mapping[str, Any], run: Path, root: str | None) -> list[Pair]:
    """None of a record that holds no image. What can't be drawn is left out, as an export would."""
    if "image" not in body:
        return []
    record = Finished(Item(body["id"], body["data_id"], body["file_name"], body["caption"]), path, floating=False)
    record.__dict__["body"] = dict(body)
    picture, coding = Picture(record, False, run, root or ""), Coding(normalised=True)
    samples = [sample for task in SHOWN for sample in TASKS[task].samples(picture, coding)]
    found: list[Pair] = []
    for sample in samples[:MOST]:
        line = asked(_templates()[sample.word], sample, coding.seed, picture.item.id)
        found.append(Pair(sample.task, line, _drawn(picture, sample, coding)))
    return found


@cache
def _templates() -> Mapping[str, tuple[str, ...]]:
    return templates(None)


def _drawn(picture: Picture, sample: Sample, coding: Coding) -> Image:
    draw = TASKS[sample.task].draw
    if draw is not None:
        return draw(picture, sample, coding)
    from PIL import Image as pillow

    return pillow.new("RGB", picture.size, codings.PALETTE[sample.colours[sample.sign == "neg"]])
