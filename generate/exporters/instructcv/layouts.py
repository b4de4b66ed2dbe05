"""How a sample lies on disk: in a folder of its own for training or for evaluation, or as a row of a table."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelyard.generate.exporters.instructcv.names import ending_of
from labelyard.generate.exporters.instructcv.pictures import Picture
from labelyard.generate.exporters.instructcv.tasks import Coding, Sample, target
from labelyard.utils.atomic import sweep, temporary_beside, write_atomic, writer_is_gone

PAIRS, EVALUATION, PARQUET, PIX2PIX = "image_pairs", "evaluation", "parquet", "instruct_pix2pix"
LAYOUTS = (PAIRS, EVALUATION, PARQUET, PIX2PIX)
PROMPT = "prompt.json"


@dataclass(frozen=True)
class Ready:
    """A sample with its name and its sentence."""

    sample: Sample
    name: str  # of the folder
    seed: str  # what its files' names begin with
    sentence: str
    ending: str  # of the target's file
    group: str = ""  # the folder above, where an export is split


def seed_name(layout: str, name: str, image_id: str) -> str:
    return image_id if layout == EVALUATION else name


def ending(layout: str, seed: str) -> str:
    """InstructPix2Pix's own loader opens JPEGs alone, whatever is in them."""
    return "jpg" if layout == PIX2PIX else ending_of(seed)


def put(above: Path, layout: str, picture: Picture, ready: Ready, coding: Coding, link: bool) -> None:
    """Whole, or anew: who was killed here writes all of it once more."""
    folder = above / ready.name
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        sweep(folder, writer_is_gone)
    made = target(picture, ready.sample, coding, ready.ending)
    _put_input(folder / f"{ready.seed}_0.jpg", picture, link)
    write_atomic(folder / f"{ready.seed}_1.{ready.ending}", made, sync=False)
    if layout == EVALUATION:
        truth = made if ready.ending == "png" else target(picture, ready.sample, coding, "png")
        write_atomic(folder / f"{ready.name}_gt.png", truth, sync=False)
    if ready.sample.boxes:
        boxes = json.dumps({"bbox": [list(box) for box in ready.sample.boxes]})
        write_atomic(folder / "bbox.json", boxes.encode(), sync=False)
    write_atomic(folder / PROMPT, json.dumps(prompt(picture, ready), ensure_ascii=False).encode(), sync=False)


def prompt(picture: Picture, ready: Ready) -> Mapping[str, str]:
    """`edit` is what is asked; the loader for evaluation looks for the other two as well."""
    return {"edit": ready.sentence, "input": str(picture.body.get("caption") or ""), "output": ready.sample.label}


def _put_input(path: Path, picture: Picture, link: bool) -> None:
    file = picture.file if link else None
    if file is not None:
        beside = temporary_beside(path)
        with suppress(OSError):  # another file system, or one without links
            os.link(os.path.realpath(file), beside)
            os.replace(beside, path)
            return
        beside.unlink(missing_ok=True)
    write_atomic(path, picture.jpeg, sync=False)


def row(picture: Picture, ready: Ready, coding: Coding) -> dict[str, Any]:
    edited = target(picture, ready.sample, coding, ready.ending)
    return {
        "input_image": {"bytes": picture.jpeg, "path": f"{ready.seed}_0.jpg"},
        "edit_prompt": ready.sentence,
        "edited_image": {"bytes": edited, "path": f"{ready.seed}_1.{ready.ending}"},
        "task": ready.sample.word,
        "class": ready.sample.label,
        "image_id": ready.seed,
    }


def features() -> Any:
    from datasets import Features, Image, Value

    text = Value("string")
    columns = {"input_image": Image(), "edit_prompt": text, "edited_image": Image()}
    return Features({**columns, "task": text, "class": text, "image_id": text})
