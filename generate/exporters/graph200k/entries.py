"""A record as an element of the trainer's list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labelyard.generate.exporters.graph200k.layout import BBOX, MASK, condition_of
from labelyard.generate.exporters.graph200k.pictures import Shape, Size
from labelyard.generate.record_json.body import newer
from labelyard.generate.record_json.finished import Finished
from labelyard.utils import rle
from labelyard.utils.graph200k import FILL_EDITS, FINDINGS
from labelyard.utils.jsons import parse

NOTHING_SAID = "an image"  # the trainer joins two texts, and stops where one is absent


@dataclass(frozen=True)
class Scale:
    """From pixels of the image as it was read to those of the exported one."""

    before: Size
    between: Size
    cut: tuple[int, int, int, int] | None

    @classmethod
    def of(cls, before: Size, target: Size, shape: Shape) -> Scale:
        between = shape.scaled(target)
        return cls(before, between, shape.cut_of(between))

    @property
    def size(self) -> Size:
        return (self.cut[2] - self.cut[0], self.cut[3] - self.cut[1]) if self.cut else self.between

    def box(self, box: list[Any]) -> list[int]:
        """May be empty, where all of it was cut off."""
        x, y = self.between[0] / self.before[0], self.between[1] / self.before[1]
        left, top = self.cut[:2] if self.cut else (0, 0)
        width, height = self.size
        sides = (box[0] * x - left, box[1] * y - top, box[2] * x - left, box[3] * y - top)
        return [min(max(round(side), 0), most) for side, most in zip(sides, (width, height) * 2, strict=True)]

    def mask(self, mask: Mapping[str, Any]) -> Any:
        found = rle.resize({"size": list(mask["size"]), "counts": mask["counts"]}, *self.between)
        if self.cut is None:
            return found
        left, top, right, bottom = self.cut
        return rle.encode(rle.decode(found)[top:bottom, left:right])


def finding(record: Finished, name: str) -> Any:
    """What a step has found, else what the list gave."""
    body = record.body
    found = newer(body, "found")
    return found[name] if name in found else body.get(name, body.get("given", {}).get(name))


def element(record: Finished, paths: Mapping[str, str], scale: Scale) -> tuple[dict[str, Any], bool]:
    """With the paths as they are; and whether anybody has described it."""
    description, assessment, collection = (finding(record, name) for name in FINDINGS[:3])
    meta, fill = made_metas(record, scale)
    described, said = texts(record, description)
    found = {
        "quality_assessment": as_object(assessment),
        "description": described,
        "collection": collection,
        "condition": condition_of(paths, meta, fill),
    }
    return found, said


def as_object(value: Any) -> dict[str, Any] | None:
    """Lists that are tables have objects as text."""
    if isinstance(value, str):
        try:
            value = parse(value)
        except ValueError:
            return None
    return dict(value) if isinstance(value, Mapping) else None


def made_metas(record: Finished, scale: Scale) -> tuple[Any, Any]:
    """Of masks and boxes, and of the edits: what steps of ours have found is brought to the exported pixels."""
    meta, fill = (finding(record, name) for name in FINDINGS[3:])
    made = {name for name, entry in record.body.get("images", {}).items() if "path" in entry}
    meta = scaled_meta(meta, scale) if made & {MASK, BBOX} else meta
    return meta, scaled_fill(fill, scale) if FILL_EDITS[0] in made else fill


def texts(record: Finished, description: Any) -> tuple[dict[str, Any], bool]:
    """The description with both texts in it that the trainer joins: of the caption, the instances, the tags if need
    be."""
    found = as_object(description) or {}
    if all(isinstance(found.get(key), str) and found[key] for key in ("item", "description_0")):
        return found, True
    instances = record.annotations
    largest = max(instances, key=lambda entry: entry.get("mask_area", entry["area"]), default=None)
    tags = ", ".join(tag["name"] for tag in record.body["tags"])
    for key, value in (
        ("item", largest["category_name"] if largest is not None else ""),
        ("description_0", record.body["caption"] or tags),
    ):
        if not isinstance(found.get(key), str) or not found[key]:
            found[key] = value or NOTHING_SAID
    return found, bool(record.body["caption"])


def scaled_meta(meta: Any, scale: Scale) -> Any:
    """Ours: a list of what is in the picture. Boxes of which nothing is left are left out."""
    if not isinstance(meta, list) or not all(isinstance(one, Mapping) and "bbox_2d" in one for one in meta):
        return meta
    found = []
    for one in meta:
        box = scale.box(one["bbox_2d"])
        mask = scale.mask(one["mask"]) if one.get("mask") else one.get("mask")
        if box[0] < box[2] and box[1] < box[3]:
            found.append({**one, "bbox_2d": box, **({"mask": mask} if "mask" in one else {})})
    return found


def scaled_fill(fill: Any, scale: Scale) -> Any:
    return {**fill, "box": scale.box(fill["box"])} if isinstance(fill, Mapping) and fill.get("box") else fill
