"""Two folders of records of the same items: how far they agree."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from labelyard.utils import rle


@dataclass
class Agreement:
    records: int = 0
    identical: int = 0  # to the byte
    instances: int = 0
    same_tags: int = 0
    same_boxes: int = 0  # records whose instances have the same labels, in the same order
    masks: int = 0
    same_masks: int = 0
    smallest_iou: float = 1.0
    captions: int = 0
    same_captions: int = 0
    largest: dict[str, float] = field(default_factory=dict)  # differences: of scores, of boxes in pixels, of embeddings

    def lines(self) -> list[str]:
        differences = ", ".join(f"{name} {value:.2g}" for name, value in sorted(self.largest.items())) or "none"
        return [
            f"outputs: {self.identical} of {self.records} records identical to the byte; the same tags in "
            f"{self.same_tags}, the same instances in {self.same_boxes}",
            f"         {self.same_masks} of {self.masks} masks identical (smallest IoU {self.smallest_iou:.4f}), "
            f"{self.same_captions} of {self.captions} captions; largest differences: {differences}",
        ]


def compare(one: Path, other: Path) -> Agreement:
    """By item. An item that only one of them has is an error."""
    mine, theirs = ({path.name: path for path in folder.glob("records/*/*.json")} for folder in (one, other))
    if mine.keys() != theirs.keys():
        raise RuntimeError(f"{one} has {len(mine)} records, {other} {len(theirs)}, and not of the same items")
    total = Agreement()
    for name in sorted(mine):
        first, second = mine[name].read_bytes(), theirs[name].read_bytes()
        total.identical += first == second
        _add(total, json.loads(first), json.loads(second))
    return total


def _add(total: Agreement, one: dict[str, Any], other: dict[str, Any]) -> None:
    total.records += 1
    tags, others = ([tag["name"] for tag in record["tags"]] for record in (one, other))
    if tags == others:
        total.same_tags += 1
        for mine, theirs in zip(one["tags"], other["tags"], strict=True):
            _note(total, "tag score", abs(mine["score"] - theirs["score"]))
    found, also = ([a for a in record["annos"] if "pad" not in a] for record in (one, other))
    total.instances += len(found)
    if [a["category_name"] for a in found] != [a["category_name"] for a in also]:
        return
    total.same_boxes += 1
    for mine, theirs in zip(found, also, strict=True):
        _add_instance(total, mine, theirs)


def _add_instance(total: Agreement, one: dict[str, Any], other: dict[str, Any]) -> None:
    sides = zip(one["original"]["box"], other["original"]["box"], strict=True)
    _note(total, "box", max(abs(a - b) for a, b in sides))
    if "mask" in one and "mask" in other:
        total.masks += 1
        total.same_masks += one["mask"] == other["mask"]
        a, b = rle.decode(one["mask"]), rle.decode(other["mask"])
        union = int((a | b).sum())
        total.smallest_iou = min(total.smallest_iou, int((a & b).sum()) / union if union else 1.0)
    if "caption" in one or "caption" in other:
        total.captions += 1
        total.same_captions += one.get("caption") == other.get("caption")
    keys = ["text_embedding_before"] + ["blip_clip_embeddings"] * (one.get("caption") == other.get("caption"))
    for key in keys:
        if key in one and key in other:
            a, b = (np.frombuffer(base64.b64decode(part[key]), dtype="<f4") for part in (one, other))
            _note(total, "embedding", float(np.abs(a - b).max()))


def _note(total: Agreement, what: str, difference: float) -> None:
    if difference:
        total.largest[what] = max(difference, total.largest.get(what, 0.0))
