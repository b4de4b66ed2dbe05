"""What GranD says of one picture, in a record's words; the way back is generate/exporters/common/grand_bodies.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from labelyard.generate.phrases import ABOUT
from labelyard.generate.record import Instance, Phrase, Record, Text
from labelyard.generate.record_json.given_masks import mask_of
from labelyard.generate.roles import ATTRIBUTES, LABELS, MASK_SOURCE, set_role
from labelyard.utils.grand import CONTEXT, DENSE, DEPTH, DEPTHS, FLOATING_ATTRIBUTES, LANDMARK, RELATIONSHIPS, SHORT

Json = Mapping[str, Any]
Numbers = Mapping[int, int]  # an object's id to the number of its instance


def fill(record: Record, body: Any) -> None:
    """`body`: all levels of one picture, or the records of one of the LMDBs."""
    if isinstance(body, Mapping):
        _fill_all(record, body)
    elif body and "attribute" in body[0]:
        record.instances = [_instance({"labels": [], **one, ATTRIBUTES: [one["attribute"]]}, record) for one in body]
    else:
        _fill_captions(record, body)


def _fill_all(record: Record, body: Json) -> None:
    objects, floating = body["objects"], body.get("floating_objects") or []
    record.instances = [_instance(one, record) for one in objects]
    for one in (_instance(entry, record) for entry in floating):
        set_role(one, floating=True)
        record.instances.append(one)
    numbers = {entry["id"]: number for number, entry in enumerate([*objects, *floating])}
    for place, caption in enumerate(body.get("short_captions") or []):
        record.texts[_name(place)] = _text(caption, numbers)
    for place, words in enumerate(body.get("captions") or []):  # of what was published before captions were grounded
        record.texts.setdefault(_name(place), Text(words, "model"))
    if (body.get("dense_caption") or {}).get("caption"):
        record.texts[DENSE] = _text(body["dense_caption"], numbers)
    if body.get("additional_context"):
        record.texts[CONTEXT] = Text(body["additional_context"], "model")
    if body.get("landmark"):
        record.found[LANDMARK] = body["landmark"]
    relations = (body.get("relationships") or {}).get("grounding") or []
    about = [{"phrase": one["phrase"], ABOUT: _known(one["object_ids"], numbers)} for one in relations]
    if about:
        record.found[RELATIONSHIPS] = [one for one in about if one[ABOUT]]
    if body.get("floating_attributes"):
        record.found[FLOATING_ATTRIBUTES] = body["floating_attributes"]


def _fill_captions(record: Record, captions: Sequence[Json]) -> None:
    """Of the LMDB of captions: the objects are known by what phrases say of them."""
    numbers: dict[int, int] = {}
    for detail in (detail for caption in captions for detail in caption["details"]):
        boxes = detail["bbox"] if detail["bbox"] and isinstance(detail["bbox"][0], list) else [detail["bbox"]]
        for one, box in zip(_ids(detail), boxes, strict=False):
            if one not in numbers:
                numbers[one] = len(record.instances)
                entry = {"bbox": box, "labels": [detail["phrase"]], "segmentation": detail.get("segmentation")}
                record.instances.append(_instance(entry, record))
    for place, caption in enumerate(captions):
        record.texts[_name(place)] = _text(caption, numbers)


def _name(place: int) -> str:
    return SHORT[place] if place < len(SHORT) else f"short_{place + 1}"


def _instance(entry: Json, record: Record) -> Instance:
    x0, y0, x1, y1 = map(float, entry["bbox"])
    labels = list(dict.fromkeys(entry.get("labels") or []))
    extra: dict[str, Any] = {LABELS: labels}
    if entry.get("attributes"):
        attributes = entry["attributes"]
        extra[ATTRIBUTES] = [attributes] if isinstance(attributes, str) else list(attributes)
    depth = next((entry[key] for key in DEPTHS if entry.get(key) is not None), None)
    if depth is not None:
        extra[DEPTH] = depth
    if entry.get("segmentation_source"):
        extra[MASK_SOURCE] = entry["segmentation_source"]
    mask = entry.get("segmentation")
    return Instance(
        (x0, y0, x1, y1),
        float(entry.get("score") or 0.0),
        entry.get("label") or (labels[0] if labels else ""),
        mask=mask_of(mask, record) if mask else None,
        extra=extra,
    )


def _ids(detail: Json) -> list[int]:
    return list(detail["ids"]) if "ids" in detail else [detail["id"]]


def _known(ids: Iterable[int], numbers: Numbers) -> list[int]:
    return sorted({numbers[one] for one in ids if one in numbers})


def _text(caption: Json, numbers: Numbers) -> Text:
    """A phrase whose place is null or wrong is none."""
    text, phrases = caption["caption"], list[Phrase]()
    for detail in caption.get("details") or []:
        place, about = detail.get("tokens_positive"), tuple(_known(_ids(detail), numbers))
        if about and place and None not in place and 0 <= place[0] < place[1] <= len(text):
            phrases.append(Phrase(place[0], place[1], about))
    return Text(text, "model", tuple(phrases))
