"""A record's JSON as the page needs it: little for its card in the gallery, all but the heavy parts when opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labelyard.generate.record_json.body import instances_of
from labelyard.generate.record_json.fields import HEAVY


def card(record: Mapping[str, Any], pictures: Mapping[str, Any]) -> dict[str, Any]:
    """What the gallery shows, filters and sorts by."""
    return {
        "id": record["id"],
        "at": record["data_id"],
        "caption": record["caption"],
        "file": record["file_name"],
        "size": [record["width"], record["height"]],
        "original": [record["original"]["width"], record["original"]["height"]],
        "tags": [[tag["name"], _rounded(tag["score"])] for tag in record["tags"]],
        "found": [
            [found["category_name"], _rounded(found["pred_score"]), found["bbox"], found.get("caption", "")]
            for found in instances_of(record)
        ],
        **pictures,
    }


def detail(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record with its heavy parts named instead of shown: an eye has no use for them."""
    return {key: _shown(key, value) for key, value in record.items()}


def _shown(key: str, value: Any) -> Any:
    if key in HEAVY and isinstance(value, str):
        return f"({len(value)} characters of base64)"
    if key == "annos" and isinstance(value, list):
        return [{k: _shown(k, v) for k, v in annotation.items()} for annotation in value]
    return value


def _rounded(score: float) -> float:
    return round(score, 4)
