"""What GranD's files say of one picture, of a record; and what is made of that for GLaMM's own classes.

In pixels of the picture as it was read. generate/sources/common/grand_bodies.py is the way back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from labelyard.generate.affordances import affordances
from labelyard.generate.phrases import ABOUT
from labelyard.generate.record_json.body import newer, original_mask
from labelyard.generate.record_json.finished import EVERYTHING, Finished, Wanted
from labelyard.generate.roles import ATTRIBUTES, FLOATING, LABELS, MASK_SOURCE, role_of
from labelyard.utils.grand import CONTEXT, DENSE, DEPTH, FLOATING_ATTRIBUTES, LANDMARK, RELATIONSHIPS

Json = dict[str, Any]
PREFIX = re.compile(r"^\s*(?:(?:as)?s?istant\s*:|Assistant\b|istant\b)\s*", re.I)
SPOKEN = re.compile(r"^\s*assistant\b(?!\s*:)")  # the person, not who answers


def body_of(record: Finished, short: Sequence[str], wanted: Wanted = EVERYTHING) -> Json:
    """All levels of one picture. `short`: the texts that are its short captions."""
    there = [entry for entry in record.annotations if wanted.takes(entry)]
    objects = [_object(record, entry) for entry in there if role_of(entry) != FLOATING]
    floating = [_object(record, entry, label=False) for entry in there if role_of(entry) == FLOATING]
    boxes = {one["id"]: one["bbox"] for one in (*objects, *floating)}
    texts, found = newer(record.body, "texts"), newer(record.body, "found")
    grounding = [
        {"phrase": one["phrase"], "object_ids": ids}
        for one in found.get(RELATIONSHIPS) or ()
        if (ids := sorted(n for n in one[ABOUT] if n in boxes))
    ]
    related, sure = {n for one in grounding for n in one["object_ids"]}, {one["id"] for one in objects}
    return {
        "objects": objects,
        "floating_objects": floating,
        "floating_attributes": [
            {**one, "bbox": _rounded(one["bbox"]), "score": round(one["score"], 2)}
            for one in found.get(FLOATING_ATTRIBUTES) or ()
        ],
        "landmark": found.get(LANDMARK) or "",
        "affordances": {
            kind: {"description": one.description, "object_ids": one.numbers, "labels": one.labels}
            for kind, one in affordances((one["id"], one["labels"]) for one in (*objects, *floating)).items()
        },
        "id_counter": max(boxes, default=-1) + 1,
        "relationships": {
            "object_ids": sorted(related & sure),
            "floating_object_ids": sorted(related - sure),
            "grounding": grounding,
        },
        "short_captions": [_short(texts[name], boxes) for name in short if texts.get(name, {}).get("text")],
        "dense_caption": _dense(texts.get(DENSE, {"text": ""}), boxes),
        "additional_context": texts.get(CONTEXT, {"text": ""})["text"],
    }


def _object(record: Finished, entry: Mapping[str, Any], label: bool = True) -> Json:
    attributes = entry.get(ATTRIBUTES)
    one: Json = {
        "bbox": _rounded(entry["original"]["box"]),
        "labels": entry.get(LABELS) or [entry["category_name"]],
        "score": round(entry["pred_score"], 2),
        "attributes": list(attributes) if attributes else None,
        "id": entry["id"],
    }
    if entry.get(DEPTH) is not None:
        one["depth"] = round(entry[DEPTH], 2)
    if label:
        one["label"] = entry["category_name"]
    mask = original_mask(record.body, entry)
    if mask is not None and entry.get("mask_area", 1):
        one["segmentation"] = mask
        one["segmentation_source"] = entry.get(MASK_SOURCE) or "SAM"
    return one


def _rounded(box: Iterable[float]) -> list[float]:
    return [round(float(side), 2) for side in box]


def _phrases(text: Json, boxes: Mapping[int, list[float]]) -> Iterator[tuple[Json, list[int]]]:
    for phrase in text.get("phrases", ()):
        ids = [number for number in phrase[ABOUT] if number in boxes]
        if ids:
            start, end = phrase["start"], phrase["end"]
            yield {"phrase": text["text"][start:end], "tokens_positive": [start, end]}, ids


def _short(text: Json, boxes: Mapping[int, list[float]]) -> Json:
    details = [{**one, "id": min(ids), "bbox": boxes[min(ids)]} for one, ids in _phrases(text, boxes)]
    return {"caption": text["text"], "details": details}


def _dense(text: Json, boxes: Mapping[int, list[float]]) -> Json:
    details = [{**one, "ids": ids, "bbox": [boxes[n] for n in ids]} for one, ids in _phrases(text, boxes)]
    return {"caption": text["text"], "details": details}


def caption_records(body: Json, dense: bool = False) -> list[Json]:
    """What GLaMM's captions are trained on: each caption, with the mask of what a phrase is about."""
    masks = {one["id"]: one.get("segmentation") for one in body["objects"]}
    captions = [_with_masks(one, masks) for one in body.get("short_captions") or ()]
    words = body.get("dense_caption") or {}
    if dense and words.get("caption"):
        details = [_about_one(detail) for detail in words["details"]]
        captions.append(_with_masks({"caption": words["caption"], "details": details}, masks))
    return captions


def _about_one(detail: Json) -> Json:
    """As of a short caption: of several the one with the smallest number."""
    place = detail["ids"].index(min(detail["ids"]))
    own = {key: detail[key] for key in ("phrase", "tokens_positive")}
    return {**own, "id": detail["ids"][place], "bbox": detail["bbox"][place]}


def _with_masks(caption: Json, masks: Mapping[int, Any]) -> Json:
    keys = ("phrase", "tokens_positive", "id", "bbox")
    details = [{**{key: one[key] for key in keys}, "segmentation": masks.get(one["id"])} for one in caption["details"]]
    return {"caption": caption["caption"], "details": details}


def referring_records(body: Json, most: int | None = None) -> list[Json]:
    """What referring expressions are trained on: attributes of objects that have a mask, those of the best scores.

    Of several attributes of an object all that name one of its labels, or the first if none does.
    """
    scored: list[tuple[float, Json]] = []
    for one in body["objects"]:
        if one.get("segmentation"):
            for attribute in _telling(one):
                rest = {key: one[key] for key in ("id", "bbox", "segmentation")}
                scored.append((one.get("score") or 0.0, {"attribute": attribute, **rest}))
    if most is not None and len(scored) > most:
        best = sorted(range(len(scored)), key=lambda n: -scored[n][0])[:most]
        scored = [scored[n] for n in sorted(best)]
    return [found for _, found in scored]


def _telling(one: Mapping[str, Any]) -> list[str]:
    attributes = one.get("attributes") or []
    attributes = [attributes] if isinstance(attributes, str) else attributes
    plain = [text for text in map(without_prefix, attributes) if text]
    labels = [label.replace("_", " ") for label in one.get("labels") or []]
    naming = [text for text in plain if any(label in text for label in labels)] if len(plain) > 1 else plain
    return naming or plain[:1]


def without_prefix(attribute: str) -> str:
    """Without who is said to speak, whole or cut: 'Assistant: …', 'istant: …'."""
    return attribute if SPOKEN.match(attribute) else PREFIX.sub("", attribute, count=1)
