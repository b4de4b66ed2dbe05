"""Captions with grounded phrases, as GLaMM's GranD-f has them: of its own annotators, of OpenPSG and of RefCOCOg.

Which of the forms a list has is found by a look at its first entry. (That of Flickr30k is COCO's: source=coco
source.mask_key=sam_mask.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelyard.generate.rows import Entry, Refusal, Row
from labelyard.generate.source import Source, kind_of
from labelyard.utils.errors import UserError
from labelyard.utils.json_stream import NotAList, lumps
from labelyard.utils.streams import Damaged, opened
from labelyard.utils.text import one_line


@dataclass(kw_only=True)
class Gcg(Source):
    """The caption is the item's, without the quotes around it; its phrases speak of one instance for each mask."""

    def gives(self) -> dict[str, tuple[str, ...]]:
        return {"gcg": ("instances", "instances.mask", "texts.caption")}

    def entries(self) -> Iterator[Row]:
        path, number = self.readable(), 0
        try:
            with opened(path) as file:
                for some in lumps(file):
                    for entry in some:
                        yield self._row(entry, f"{path}: entry {number}")
                        number += 1
        except (NotAList, Damaged) as error:
            raise UserError(
                f"{path} is no whole list of captions: after {number} entries, {one_line(str(error))}. Was it cut off?"
            ) from None

    def _row(self, entry: Any, where: str) -> Row:
        try:
            only = next(iter(entry.values())) if len(entry) == 1 else None
            if isinstance(only, Mapping):
                image, caption, found = only["img_file_name"], _bare(only["caption"]), _references(only["refs"])
                given = {"image_id": next(iter(entry))}
            else:
                image, caption, found = entry["file_name"], _bare(entry["caption"]), _groundings(entry["groundings"])
                given = {"image_id": entry["image_id"]} if "image_id" in entry else {}
            if not isinstance(image, str) or not image:
                return Refusal(where, f"its picture is {kind_of(image)}, not a location")
            return Entry(image, caption, self.kept(given), known=_known(caption, found))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            return Refusal(where, f"is no grounded caption: {type(error).__name__}: {one_line(str(error), 120)}")


Grounding = tuple[str, Sequence[int] | None, Sequence[Any], Sequence[float] | None]  # phrase, place, masks, box


def _bare(caption: str) -> str:
    """As GLaMM strips it: phrases' places are counted in that."""
    return caption.strip('"').strip()


def _groundings(entries: Mapping[str, Any]) -> list[Grounding]:
    return [(phrase, one["token_positives"], one["rle_masks"], None) for phrase, one in entries.items()]


def _references(entries: Sequence[Mapping[str, Any]]) -> list[Grounding]:
    return [(one["sentence"], None, [one["segmentation"]], one.get("bbox")) for one in entries]


def _known(caption: str, found: Sequence[Grounding]) -> dict[str, Any]:
    instances: list[dict[str, Any]] = []
    phrases: list[list[Any]] = []
    for phrase, place, masks, box in found:
        start, end = _place(caption, phrase, place)
        numbers = list(range(len(instances), len(instances) + len(masks)))
        instances += [{"box": list(box or _box(mask)), "label": phrase, "mask": mask} for mask in masks]
        if numbers:
            phrases.append([start, end, numbers])
    return {"instances": instances, "phrases": sorted(phrases)}


def _place(caption: str, phrase: str, place: Sequence[int] | None) -> tuple[int, int]:
    """Where it is said to stand; else where it stands, in small letters or capitals."""
    if place is not None and caption[place[0] : place[1]].lower() == phrase.lower():
        return place[0], place[1]
    start = caption.lower().find(phrase.lower())
    if start >= 0 and phrase:
        return start, start + len(phrase)
    if place is not None and 0 <= place[0] < place[1] <= len(caption):
        return place[0], place[1]
    raise ValueError(f"the phrase {phrase!r:.60} is not in the caption")


def _box(mask: Any) -> Sequence[float]:
    """Around a mask that no box comes with."""
    from pycocotools import mask as coco

    code = {**mask, "counts": mask["counts"].encode("ascii")} if isinstance(mask["counts"], str) else mask
    if isinstance(code["counts"], list):
        code = coco.frPyObjects(code, *code["size"])
    box: list[float] = coco.toBbox(code).tolist()
    return box
