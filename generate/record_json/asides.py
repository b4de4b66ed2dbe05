"""What steps found aside, to JSON and back: in pixels of the image as it was read, nothing rounded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labelyard.generate.record import Aside, Instance, Tag
from labelyard.generate.record_json.fields import (
    CAPTION_EMBEDDING,
    LABEL_EMBEDDING,
    OWN_KEYS_OF_INSTANCES_ASIDE,
    OWN_KEYS_OF_TAGS,
)
from labelyard.generate.record_json.texts import texts_from_json, texts_to_json
from labelyard.generate.record_json.vectors import decode_embedding, encode_embedding

Json = dict[str, Any]


def asides_to_json(asides: Mapping[str, Aside]) -> Json:
    return {name: found for name, aside in asides.items() if (found := _to_json(aside))}


def asides_from_json(entries: Mapping[str, Json], in_frame: bool = False) -> dict[str, Aside]:
    """`in_frame`: the record's image is in other pixels than those that boxes aside are in, which are left out."""
    asides = {name: _from_json(entry, in_frame) for name, entry in entries.items()}
    return {name: aside for name, aside in asides.items() if aside != Aside()}


def tag_to_json(tag: Tag) -> Json:
    own: Json = {"name": tag.name, "score": tag.score} | ({"prompt": tag.prompt} if tag.prompt else {})
    return {**tag.extra, **own} if tag.extra else own


def tag_from_json(entry: Json) -> Tag:
    extra = {key: value for key, value in entry.items() if key not in OWN_KEYS_OF_TAGS}
    return Tag(entry["name"], entry["score"], entry.get("prompt", ""), extra)


def _to_json(aside: Aside) -> Json:
    found: Json = {}
    if aside.tags is not None:
        found["tags"] = [tag_to_json(tag) for tag in aside.tags]
    if aside.instances is not None:
        found["instances"] = [_instance_to_json(instance) for instance in aside.instances]
    if aside.texts is not None:
        found["texts"] = texts_to_json(aside.texts)
    return found


def _from_json(entry: Json, in_frame: bool) -> Aside:
    return Aside(
        [tag_from_json(tag) for tag in entry["tags"]] if "tags" in entry else None,
        [_instance(one) for one in entry["instances"]] if "instances" in entry and not in_frame else None,
        texts_from_json(entry["texts"]) if "texts" in entry and not (in_frame and "instances" in entry) else None,
    )


def _instance_to_json(instance: Instance) -> Json:
    found: Json = {
        "box": [float(side) for side in instance.box],
        "score": instance.score,
        "label": instance.label,
    }
    if instance.mask is not None:
        found["mask"] = instance.mask
    if instance.caption:
        found["caption"] = instance.caption
        found["caption_source"] = instance.caption_source or "model"
    for key, vector in ((LABEL_EMBEDDING, instance.label_embedding), (CAPTION_EMBEDDING, instance.caption_embedding)):
        if vector is not None:
            found[key] = encode_embedding(vector)
    found.update((key, value) for key, value in instance.extra.items() if key not in OWN_KEYS_OF_INSTANCES_ASIDE)
    return found


def _instance(entry: Json) -> Instance:
    x0, y0, x1, y1 = entry["box"]
    return Instance(
        (x0, y0, x1, y1),
        entry["score"],
        entry["label"],
        mask=entry.get("mask"),
        caption=entry.get("caption"),
        caption_source=entry.get("caption_source"),
        label_embedding=decode_embedding(entry.get(LABEL_EMBEDDING)),
        caption_embedding=decode_embedding(entry.get(CAPTION_EMBEDDING)),
        extra={key: value for key, value in entry.items() if key not in OWN_KEYS_OF_INSTANCES_ASIDE},
    )
