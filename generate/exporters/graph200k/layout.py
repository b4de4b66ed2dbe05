"""Which file each image becomes, and what the trainer's list calls it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labelyard.utils.graph200k import FILL_EDITS, REFERENCE, SINGLE, STYLES, TARGET, style_references, styled

BBOX, MASK = "qwen_2_5_bounding_box", "qwen_2_5_mask"
# In the order of the original script, which is that of the list's keys.
FOLDERS = (
    "ref", "target", "InstantStyle", "ReduxStyle", "FillEdit", "DepthEdit", MASK, BBOX, "sam2_mask", "uniformer",
    "foreground", "normal", "depth", "canny", "hed", "mlsd", "openpose",
)  # fmt: skip
RENAMED = {REFERENCE: "reference", MASK: "mask", BBOX: "bbox"}
GROUPS = {"FillEdit": FILL_EDITS, **{style: (*styled(style), *style_references(style)) for style in STYLES}}

# Photos; all others are maps, in which every pixel counts.
PHOTOS = frozenset((TARGET, REFERENCE, "DepthEdit", *(name for names in GROUPS.values() for name in names)))
# Of a size of their own: pictures of something else.
FREE = frozenset((REFERENCE, *(name for style in STYLES for name in style_references(style))))
# What no mean of neighbours is allowed in: colours are numbers there.
FLAT = frozenset(("sam2_mask", "uniformer", "openpose", MASK))


def file_of(column: str, name: str, ending: str) -> str:
    folder = next((group for group, columns in GROUPS.items() if column in columns), column)
    return f"{folder}/{name}_{column}.{ending}"


def wanted(there: Mapping[str, Any]) -> list[str]:
    """The columns that go into the list: of the groups only whole ones."""
    found = [TARGET, *(name for name in (REFERENCE, *SINGLE) if name in there)]
    for columns in GROUPS.values():
        if all(column in there for column in columns):
            found += columns
    return found


def condition_of(paths: Mapping[str, str], meta: Any, fill: Any) -> dict[str, Any]:
    """`paths` by column; the metas as they are."""
    found: dict[str, Any] = {}
    for folder in FOLDERS:
        if folder in GROUPS:
            if GROUPS[folder][0] in paths:
                found[folder] = _group(folder, paths, fill)
        elif folder in paths:
            if folder in (MASK, BBOX):
                found["qwen_2_5_meta"] = meta
            found[RENAMED.get(folder, folder)] = paths[folder]
    return found


def _group(folder: str, paths: Mapping[str, str], fill: Any) -> dict[str, Any]:
    if folder == "FillEdit":
        said = fill if isinstance(fill, Mapping) else {}
        own = {"image_path": [paths[column] for column in FILL_EDITS]}
        return {**own, "description": said.get("description"), "name": said.get("name"), **_more(said)}
    return {
        "image_path": [paths[column] for column in styled(folder)],
        "style_path": [paths[column] for column in style_references(folder)],
    }


def _more(said: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in said.items() if key not in ("image_path", "description", "name")}


def files_in(condition: Mapping[str, Any]) -> dict[str, list[str]]:
    """All paths, by what the list calls the images."""
    found: dict[str, list[str]] = {}
    for key, value in condition.items():
        if isinstance(value, str) and key != "qwen_2_5_meta":
            found[key] = [value]
        elif key in GROUPS:
            found |= {f"{key}.{part}": list(value[part]) for part in ("image_path", "style_path") if part in value}
    return found


def with_paths(condition: Mapping[str, Any], put: Any) -> dict[str, Any]:
    """The condition with `put` of every path."""
    found: dict[str, Any] = {}
    for key, value in condition.items():
        if isinstance(value, str) and key != "qwen_2_5_meta":
            found[key] = put(value)
        elif key in GROUPS:
            lists = {
                part: [put(path) for path in value[part]] for part in ("image_path", "style_path") if part in value
            }
            found[key] = {**value, **lists}
        else:
            found[key] = value
    return found
