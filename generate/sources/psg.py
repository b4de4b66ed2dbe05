"""OpenPSG's psg.json: each thing and stuff of COCO's pictures with its mask, and how they relate.

The masks lie in COCO's panoptic maps, where a segment's number is the colour of its pixels. The plan names a map by its
place; a worker reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from labelyard.generate.errors import ItemError
from labelyard.generate.phrases import ABOUT
from labelyard.generate.record import Instance, Record
from labelyard.generate.record_json.given import read_known
from labelyard.generate.record_json.given_masks import check_size
from labelyard.generate.rows import Entry, Refusal, Row
from labelyard.generate.settings import setting
from labelyard.generate.source import Source
from labelyard.generate.sources.common.coco_lists import list_of
from labelyard.utils import rle
from labelyard.utils.errors import UserError
from labelyard.utils.images import UnreadableImage, decode_as_it_is
from labelyard.utils.streams import Damaged, opened
from labelyard.utils.text import one_line

TAKE = "labelyard.generate.sources.psg.take"
RELATIONS = "relations"
THINGS, STUFF, PREDICATES, TEST = LISTS = ("thing_classes", "stuff_classes", "predicate_classes", "test_image_ids")
CORNERS = 0  # the bbox_mode of boxes that are two corners


@dataclass(kw_only=True)
class Psg(Source):
    """`root`: COCO's folder, with train2017 and panoptic_train2017 in it. An instance for each segment, stuff too;
    found.relations: subject, predicate and object of each relation, with the numbers of the two instances."""

    image_key: str = "file_name"
    caption_key: str | None = None
    # what test_image_ids names, or the rest; null: both
    split: str | None = setting(None, words=("train", "test"))

    def gives(self) -> dict[str, tuple[str, ...]]:
        return {"psg": take.gives}  # type: ignore[attr-defined]

    @cached_property
    def _lists(self) -> dict[str, list[Any]]:
        return short_lists(self.readable())

    def entries(self) -> Iterator[Row]:
        path, lists = self.readable(), self._lists
        names, test = [*lists[THINGS], *lists[STUFF]], {str(one) for one in lists[TEST]}
        for number, entry in enumerate(list_of(path, "data")):
            where = f"{path}: entry {number}"
            try:
                if self.split in (None, "test" if str(entry["image_id"]) in test else "train"):
                    yield self._row(entry, names, lists[PREDICATES], where)
            except (KeyError, TypeError, ValueError, IndexError) as error:
                reason = f"is no picture of OpenPSG's: {type(error).__name__}: {one_line(str(error), 120)}"
                yield Refusal(where, reason)

    def _row(self, entry: Mapping[str, Any], names: Sequence[str], predicates: Sequence[str], where: str) -> Row:
        image = entry[self.image_key]
        if not isinstance(image, str) or not image:
            return Refusal(where, f"its '{self.image_key}' is no location: {image!r:.60}")
        segments = [
            [int(segment["id"]), names[segment["category_id"]], *_corners(box), int(bool(segment["isthing"]))]
            for segment, box in zip(entry["segments_info"], entry["annotations"], strict=True)
        ]
        known: dict[str, Any] = {"by": TAKE, "file": entry["pan_seg_file_name"], "segments": segments}
        known["size"] = [entry["width"], entry["height"]]
        relations = [
            [_number(one, segments), _number(two, segments), predicates[p]] for one, two, p in entry["relations"]
        ]
        if relations:
            known[RELATIONS] = relations
        return Entry(image, "", self.kept({"image_id": entry["image_id"]}), known=known)


def short_lists(path: Path) -> dict[str, list[Any]]:
    """All but the long one, in one pass: they may stand behind it."""
    import ijson

    found: dict[str, list[Any]] = {name: [] for name in LISTS}
    there = {f"{name}.item": found[name].append for name in LISTS}
    with opened(path) as file:
        try:
            for prefix, event, value in ijson.parse(file, use_float=True):
                if prefix in there and event in ("string", "number"):
                    there[prefix](value)
        except (ijson.JSONError, UnicodeDecodeError, Damaged) as error:
            raise UserError(f"{path} is no whole JSON file: {one_line(str(error))}. Was it cut off?") from None
    missing = [name for name in (THINGS, STUFF, PREDICATES) if not found[name]]
    if missing:
        raise UserError(f"{path} is not OpenPSG's psg.json: it has no {' and no '.join(missing)}")
    return found


def _corners(box: Mapping[str, Any]) -> list[float]:
    if box.get("bbox_mode", CORNERS) != CORNERS:
        raise ValueError(f"bbox_mode is {box['bbox_mode']}, and boxes of two corners have {CORNERS}")
    left, top, right, bottom = map(float, box["bbox"])
    return [left, top, right, bottom]


def _number(value: Any, segments: Sequence[Any]) -> int:
    if type(value) is not int or not 0 <= value < len(segments):
        raise ValueError(f"a relation is about segment {value} of {len(segments)}")
    return value


def take(record: Record, known: Mapping[str, Any]) -> None:
    import numpy as np

    check_size(known["size"], record)
    try:
        pixels = np.asarray(decode_as_it_is(read_known(record, known)))
    except UnreadableImage as error:
        raise ItemError(f"its map can't be read: {error}: {known['file']}", record.item.id) from None
    if pixels.shape != (record.height, record.width, 3):
        raise ItemError(
            f"a map of {pixels.shape[::-1]}, for a picture of {record.width}x{record.height}: {known['file']}",
            record.item.id,
        )
    numbers = pixels.astype(np.int64) @ np.array([1, 1 << 8, 1 << 16])
    record.instances = []
    for number, label, *box, is_thing in known["segments"]:
        mask = numbers == number
        if not mask.any():
            raise ItemError(f"its map has no segment {number} ({label}): {known['file']}", record.item.id)
        left, top, right, bottom = box
        stuff = {} if is_thing else {"is_stuff": 1}
        record.instances.append(Instance((left, top, right, bottom), 1.0, label, mask=rle.encode(mask), extra=stuff))
    names = [one.label for one in record.instances]
    record.found[RELATIONS] = [
        {"subject": names[one], "predicate": predicate, "object": names[other], ABOUT: [one, other]}
        for one, other, predicate in known.get(RELATIONS, ())
    ]


take.gives = ("instances", "instances.mask", f"found.{RELATIONS}")  # type: ignore[attr-defined]
