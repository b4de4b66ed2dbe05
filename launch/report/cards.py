"""A record's JSON as the page needs it: little for its card in the gallery, all but the heavy parts when opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labelyard.generate.record_json.body import instances_of, newer
from labelyard.generate.record_json.fields import HEAVY
from labelyard.generate.roles import opinions
from labelyard.utils import rle

NO_SIZE = (4, 3)  # of a card whose record has no image
SEARCHED = 500  # letters of each text that the gallery's search looks through


def card(record: Mapping[str, Any], pictures: Mapping[str, Any]) -> dict[str, Any]:
    """What the gallery shows, filters and sorts by."""
    size = [record.get("width", NO_SIZE[0]), record.get("height", NO_SIZE[1])]
    original = record.get("original", {})
    texts = [str(text["text"]) for text in newer(record, "texts").values()]
    return {
        "id": record["id"],
        "at": record["data_id"],
        "caption": record["caption"],
        "file": record["file_name"],
        "size": size,
        "original": [original.get("width", size[0]), original.get("height", size[1])],
        "tags": [[tag["name"], _rounded(tag["score"])] for tag in record["tags"]],
        "found": [_instance(found) for found in instances_of(record)],
        **({"texts": [text[:SEARCHED] for text in texts]} if texts else {}),
        # Of its detail: in an older record these names are the user's.
        "own": [key for key in ("texts", "found", "aside") if newer(record, key)],
        **pictures,
    }


def _instance(found: Mapping[str, Any]) -> list[Any]:
    """Last what others think of it, where they were asked."""
    said = opinions(found)
    shown = [found["category_name"], _rounded(found["pred_score"]), found["bbox"], found.get("caption", "")]
    return [*shown, *([said] if said else [])]


def detail(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record with its heavy parts named instead of shown: an eye has no use for them."""
    light = {key: _shown(key, value) for key, value in record.items()}
    asides = newer(record, "aside")
    if asides:
        light["aside"] = {
            name: {k: [_framed(record, _light(one)) for one in v] if k == "instances" else v for k, v in aside.items()}
            for name, aside in asides.items()
        }
    return light


def _shown(key: str, value: Any) -> Any:
    if key in HEAVY and isinstance(value, str):
        return f"({len(value)} characters of base64)"
    if key == "annos" and isinstance(value, list):
        return [_light(annotation) for annotation in value]
    return value


def _light(annotation: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _shown(key, value) for key, value in annotation.items()}


def _framed(record: Mapping[str, Any], instance: dict[str, Any]) -> dict[str, Any]:
    """An aside's instance with its mask as large as those of the record's own."""
    if "mask" not in instance or "width" not in record:
        return instance
    return {**instance, "mask": rle.resize(instance["mask"], record["width"], record["height"])}


def _rounded(score: float) -> float:
    return round(score, 4)
