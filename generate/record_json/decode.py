"""A finished record's JSON, read back as a record to go on from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from labelyard.generate.errors import ItemError
from labelyard.generate.phrases import findings_about
from labelyard.generate.record import Box, Instance, Record
from labelyard.generate.record_json.asides import asides_from_json, tag_from_json
from labelyard.generate.record_json.beside import clip_from_json, image_from_json
from labelyard.generate.record_json.body import earlier, instances_of, is_of_no_image, newer, original_mask, size_of
from labelyard.generate.record_json.fields import CAPTION_EMBEDDING, LABEL_EMBEDDING, OWN_KEYS_OF_INSTANCES
from labelyard.generate.record_json.texts import texts_from_json
from labelyard.generate.record_json.vectors import decode_embedding


def from_record(
    record: Record,
    path: Path,
    in_frame: bool,
    root: str | None = None,
    *,
    pictured: bool = True,
    stay: bool = False,
) -> None:
    """`in_frame`: with boxes and masks as they are written there, in pixels of the record's own image. `root`: where
    relative places of what was given begin. `pictured`: the record shows the picture that the earlier one did, so what
    was found in it holds. `stay`: images that the earlier run made are read from there when somebody wants them."""
    body = earlier(path, record.item.id)
    record.models = dict(body["models"])
    run = path.parent.parent.parent
    for name, entry in body.get("images", {}).items():
        record.images[name] = image_from_json(entry, run, root, record.item.id, stay)
    for name, entry in newer(body, "clips").items():
        record.clips[name] = clip_from_json(entry, run)
    if not pictured:
        record.found = findings_about(newer(body, "found"), lambda number: None)
        texts = texts_from_json(newer(body, "texts"))
        record.texts = {name: replace(text, phrases=()) for name, text in texts.items()}
        return
    if record.has_image and not is_of_no_image(body):
        _check_size(record, body, in_frame)
    found = instances_of(body)
    record.tags = [tag_from_json(tag) for tag in body["tags"]]
    record.instances = [_instance(body, entry, in_frame) for entry in found]
    if in_frame:
        record.facts = body["file"]
    ids = [entry["id"] for entry in found]
    record.texts = texts_from_json(newer(body, "texts"), ids)
    record.found = findings_about(newer(body, "found"), dict(zip(ids, range(len(ids)), strict=True)).get)
    record.aside = asides_from_json(newer(body, "aside"), in_frame)


def _check_size(record: Record, body: Mapping[str, Any], in_frame: bool) -> None:
    width, height = size_of(body, original=not in_frame)
    if (width, height) != (record.width, record.height):
        raise ItemError(
            f"the image has changed since the earlier run: {width}x{height} then, "
            f"{record.width}x{record.height} now: {record.item.image}",
            record.item.id,
        )


def _instance(body: Mapping[str, Any], entry: Mapping[str, Any], in_frame: bool) -> Instance:
    x, y, width, height = entry["bbox"]
    box: Box = (
        (float(x), float(y), float(x + width), float(y + height)) if in_frame else tuple(entry["original"]["box"])
    )
    return Instance(
        box,
        entry["pred_score"],
        entry["category_name"],
        mask=entry.get("mask") if in_frame else original_mask(body, entry),
        caption=entry.get("caption"),
        caption_source=entry.get("caption_source"),
        label_embedding=decode_embedding(entry.get(LABEL_EMBEDDING)),
        caption_embedding=decode_embedding(entry.get(CAPTION_EMBEDDING)),
        extra=_extra(entry),
    )


def _extra(entry: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: value for key, value in entry.items() if key not in OWN_KEYS_OF_INSTANCES}
    return {**found, "is_stuff": 1} if entry.get("is_stuff") else found
