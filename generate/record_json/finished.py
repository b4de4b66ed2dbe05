"""The finished records of a run, in the order of its plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from labelyard.generate.phrases import findings_about
from labelyard.generate.record import Item
from labelyard.generate.record_json.body import image_of, instances_of, newer, original_mask, parsed, size_of
from labelyard.generate.record_json.encode import Frame, padded
from labelyard.generate.record_json.texts import texts_about
from labelyard.generate.roles import AGREEMENT, FLOATING, least_agreement, role_of
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.standing import Standing
from labelyard.utils import rle
from labelyard.utils.images import ending
from labelyard.utils.rle import Rle


@dataclass(frozen=True)
class Wanted:
    """Which instances are taken."""

    min_score: float = 0.0
    min_agreement: float = 0.0  # the least of the opinions that were asked for (generate/steps/verify)

    @property
    def everything(self) -> bool:
        return self.min_score <= 0 and self.min_agreement <= 0

    def takes(self, entry: Mapping[str, Any]) -> bool:
        if entry["pred_score"] < self.min_score:
            return False
        return self.min_agreement <= 0 or least_agreement(entry) >= self.min_agreement


EVERYTHING = Wanted()


@dataclass(frozen=True)
class Found:
    """An instance in whole or in part, in one frame of pixels."""

    box: tuple[float, float, float, float]  # x, y, width, height
    score: float
    label: str
    mask: Rle | None
    caption: str | None
    agreement: Mapping[str, float] | None = None  # of second opinions, by who gave them

    @property
    def area(self) -> float:
        return float(rle.area(self.mask)) if self.mask is not None else self.box[2] * self.box[3]


@dataclass(frozen=True)
class Finished:
    """A finished record as it lies on disk."""

    item: Item
    path: Path
    floating: bool = True  # instances that too few have seen are told of, too

    @cached_property
    def body(self) -> dict[str, Any]:
        return parsed(self.path.read_bytes())

    @property
    def annotations(self) -> list[dict[str, Any]]:
        """The instances; what was written for the trainer's sake alone is left out."""
        there = instances_of(self.body)
        return there if self.floating else [entry for entry in there if role_of(entry) != FLOATING]

    def size(self, original: bool = False) -> tuple[int, int]:
        return size_of(self.body, original)

    def instances(self, wanted: Wanted = EVERYTHING, original: bool = False) -> list[Found]:
        return [_found(self.body, entry, original) for entry in self.annotations if wanted.takes(entry)]

    def written(self, wanted: Wanted, image: bool) -> dict[str, Any]:
        """The record itself, without the instances that are not wanted; still one that the trainer reads."""
        body = {key: value for key, value in self.body.items() if image or key != "image"}
        good = [entry for entry in self.annotations if wanted.takes(entry)]
        if len(good) < len(instances_of(self.body)):
            body["annos"] = padded(good, Frame(*self.size())) if "image" in self.body else good
            if texts := newer(body, "texts"):
                body["texts"] = texts_about(texts, [entry["id"] for entry in good])
            if found := newer(body, "found"):
                left = {entry["id"] for entry in good}
                body["found"] = findings_about(found, lambda number: number if number in left else None)
        return body

    def image(self) -> bytes:
        """In the record's frame."""
        return image_of(self.body)

    def image_name(self, data: bytes) -> str:
        return f"{self.item.name}.{ending(data)}"


def _found(body: dict[str, Any], entry: dict[str, Any], original: bool) -> Found:
    if original:
        left, top, right, bottom = entry["original"]["box"]
        box, mask = (left, top, right - left, bottom - top), original_mask(body, entry)
    else:
        box, mask = tuple(entry["bbox"]), entry.get("mask")
    label, caption = entry["category_name"], entry.get("caption")
    return Found(box, entry["pred_score"], label, mask, caption, entry.get(AGREEMENT))


def finished(folder: RunFolder) -> Iterator[Finished]:
    """Those that a merge would list, each looked at: it is there, and has as many bytes as when it was written."""
    standing = Standing(folder)
    for number in range(standing.shards):
        names = {line["id"]: line["file"] for line in standing.done(number)}
        for item in folder.items(number) if names else ():
            if item.id in names:
                yield Finished(item, folder.records_of(number) / names[item.id])
