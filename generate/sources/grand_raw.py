"""What the models of GranD's own pipeline wrote: PREDICTIONS/co_detr/sa_1.json, PREDICTIONS/ram/sa_1.json, …

For whom has these, and wants to go on from them: each model's findings are kept aside under its name, as if a step of
that name had run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from labelyard.generate.errors import ItemError
from labelyard.generate.media.inside_files import resolve
from labelyard.generate.record import Aside, Instance, Record, Tag, Text
from labelyard.generate.record_json.given_masks import mask_of
from labelyard.generate.rows import Entry, Refusal, Row
from labelyard.generate.source import Source
from labelyard.generate.sources.common.input_folder import InputFolder, marks_of, refuse_run
from labelyard.utils.errors import UserError
from labelyard.utils.grand import LANDMARK

TAKE = "labelyard.generate.sources.grand_raw.take"
ENDINGS = (".jpg", ".jpeg", ".png")
TAGGERS, CAPTIONERS = ("ram", "tag2text"), ("blip2", "llava")
DETECTORS = ("co_detr", "eva-02-01", "eva-02-02", "owl_vit", "pomp", "grit", "ov_sam", "mdetr-re")
WORDS = ("label", "description", "phrase")  # the key under which a model names what it sees


@dataclass(kw_only=True)
class GrandRaw(Source):
    """`path`: the folder of the models' folders; `images`: the pictures."""

    caption_key: str | None = None
    images: str = "???"  # the folder of pictures

    def __post_init__(self) -> None:
        super().__post_init__()
        self.images = self.there("images", self.images)

    def image_root(self) -> str:
        return self.root or str(Path(self.images).resolve())

    @cached_property
    def models(self) -> list[str]:
        folder = Path(self.path)
        if not folder.is_dir():
            raise UserError(f"source.path={self.path}: there is no such folder (looked in {Path.cwd()})")
        known = [name for name in (*TAGGERS, *DETECTORS, *CAPTIONERS, LANDMARK) if (folder / name).is_dir()]
        if not known:
            raise UserError(
                f"source.path={self.path}: none of the folders {', '.join((*TAGGERS, *DETECTORS, *CAPTIONERS))} is in "
                "it. Give the folder of predictions that holds them"
            )
        return known

    def gives(self) -> dict[str, tuple[str, ...]]:
        return {"grand_raw": tuple(_field(name) for name in self.models)}

    def fingerprint(self) -> dict[str, Any]:
        """The pictures stand for their predictions."""
        return {**marks_of(Path(self.images)), "predictions": str(Path(self.path).resolve()), "models": self.models}

    def entries(self) -> Iterator[Row]:
        refuse_run(Path(self.images), "source=grand_raw")
        folder, predictions = InputFolder(self.images), Path(self.path).resolve()
        self._left_out = folder.left_out
        place = os.path.relpath(predictions, self.image_root())
        for at in folder.folders():
            for name in at.names:
                stem, ending = os.path.splitext(name)
                if ending.lower() not in ENDINGS:
                    folder.leave_out(name)
                    continue
                lacking = [model for model in self.models if not (predictions / model / f"{stem}.json").is_file()]
                if lacking:
                    yield Refusal(f"{at.place}/{name}", f"{', '.join(lacking)} said nothing of it")
                else:
                    yield Entry(f"{folder.inside(at.place)}{name}", "", known={"by": TAKE, "file": place})


def _field(model: str) -> str:
    if model == LANDMARK:
        return f"found.{LANDMARK}"
    return f"texts.{model}" if model in CAPTIONERS else f"aside.{model}"


def take(record: Record, known: Mapping[str, Any]) -> None:
    folder, stem = resolve(known["file"], known.get("root")), Path(record.item.image).stem
    for model in (*TAGGERS, *DETECTORS, *CAPTIONERS, LANDMARK):
        path = folder / model / f"{stem}.json"
        if not path.is_file():
            continue
        try:
            whole = json.loads(path.read_bytes())
            _keep(record, model, next(iter(whole.values())))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
            raise ItemError(
                f"a prediction can't be used: {type(error).__name__}: {error}: {path}", record.item.id
            ) from None


def _keep(record: Record, model: str, body: Mapping[str, Any]) -> None:
    """`body`: {model: findings}; without the key where nothing was detected."""
    if model == LANDMARK:
        if body.get(LANDMARK):
            record.found[LANDMARK] = body[LANDMARK]
    elif model in CAPTIONERS:
        record.texts[model] = Text(body[model], "model")
    elif model in TAGGERS:
        tags = next(iter(body.values()))
        pairs = zip(tags["tags"], tags.get("scores") or [1.0] * len(tags["tags"]), strict=True)
        record.aside[model] = Aside(tags=[Tag(name, float(score)) for name, score in pairs])
    else:
        record.aside[model] = Aside(instances=_instances(body.get(model) or [], record))


def _instances(found: Sequence[Mapping[str, Any]], record: Record) -> list[Instance]:
    instances = []
    for one in found:
        x0, y0, x1, y1 = map(float, one["bbox"])
        label = next(one[key] for key in WORDS if key in one)
        extra = {key: one[key] for key in ("phrase",) if key in one}
        mask = mask_of(one["sam_mask"], record) if one.get("sam_mask") else None
        instances.append(Instance((x0, y0, x1, y1), float(one.get("score", 1.0)), label, mask=mask, extra=extra))
    return instances
