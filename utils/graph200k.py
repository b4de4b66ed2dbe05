"""The words of Graph200K: what its columns are called, which a record's images and findings are called after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TARGET, REFERENCE = "target", "ref"
FILL_EDITS = tuple(f"FillEdit_image_{k}" for k in range(5))
STYLES = ("InstantStyle", "ReduxStyle")
# One image of each kind; target is the record's own.
SINGLE = (
    "canny",
    "hed",
    "mlsd",
    "openpose",
    "depth",
    "normal",
    "foreground",
    "uniformer",
    "sam2_mask",
    "qwen_2_5_mask",
    "qwen_2_5_bounding_box",
    "DepthEdit",
)


def styled(style: str) -> tuple[str, ...]:
    return tuple(f"{style}_image_{k}" for k in range(3))


def style_references(style: str) -> tuple[str, ...]:
    return tuple(f"{style}_ref_{k}" for k in range(3))


# Of a record, beside its own.
IMAGES = (
    REFERENCE,
    *SINGLE,
    *FILL_EDITS,
    *(name for style in STYLES for name in (*styled(style), *style_references(style))),
)
FINDINGS = ("description", "quality_assessment", "collection", "qwen_2_5_meta", "FillEdit_meta")
SCORES = ("compositeStructure", "objectConsistency", "imageQuality")


def caption_of(description: Any, number: int = 0) -> str:
    """The text that belongs to a target: what is in it, and the scene."""
    if not isinstance(description, Mapping):
        return ""
    parts = (description.get("item"), description.get(f"description_{number}"))
    return " ".join(part for part in parts if isinstance(part, str) and part)
