"""Images and clips beside a record, to JSON and back: what a step made lies in the run folder, and `path` says where;
what was given stays where it lies, and the entry is its place (media/inside_files.py)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from labelyard.generate.errors import ItemError
from labelyard.generate.media.inside_files import PLACE, read_reference
from labelyard.generate.media.side_images import Clip, SideImage
from labelyard.utils.images import UnreadableImage, decode_as_it_is, ending

Json = dict[str, Any]
# Where a picture begins in a file, if it is said how long it is; else what is added to a depth's numbers.
OFFSET, SIZE = "offset", "bytes"


def image_to_json(image: SideImage, path: str) -> Json:
    """`path`: where it lies within the run folder, unless it was given."""
    if image.place is not None:
        meta = {key: value for key, value in image.meta.items() if key not in (*PLACE, "path") or key == OFFSET}
        return {**meta, **image.place}
    width, height = image.size
    return {"path": path, "width": width, "height": height, **image.meta}


def clip_to_json(clip: Clip, path: str) -> Json:
    meta = {key: value for key, value in clip.meta.items() if key not in (*PLACE, "path")}
    return {**(clip.place if clip.place is not None else {"path": path}), **meta}


def image_from_json(entry: Json, run: Path, root: str | None, item_id: str, stay: bool = False) -> SideImage:
    """`run`: the folder of the run that wrote it; `root`: where relative places begin. `stay`: it is not copied."""
    if "path" not in entry:
        return given_image(place_of(entry), root, item_id, _meta(entry))
    path = run / entry["path"]
    if stay:
        return given_image({"file": str(path)}, root, item_id, _meta(entry))
    try:
        data = path.read_bytes()
        decode_as_it_is(data)  # a damaged one is this item's trouble now, and not somebody's later
    except (OSError, UnreadableImage) as error:
        raise ItemError(f"an image of the earlier run can't be read: {path}: {error}", item_id) from None
    meta = {key: value for key, value in _meta(entry).items() if key not in ("width", "height")}
    return SideImage(data=data, meta=meta, ending=ending(data))


def clip_from_json(entry: Json, run: Path) -> Clip:
    """One that the earlier run made stays there: clips are large."""
    place = {"file": str(run / entry["path"])} if "path" in entry else place_of(entry)
    return Clip(place=place, meta=_meta(entry))


def given_image(place: Mapping[str, Any], root: str | None, item_id: str, meta: Json | None = None) -> SideImage:
    """An image that is known to lie there. It is read when somebody wants it."""
    return SideImage(place=place, reader=partial(read_reference, place, root, item_id), meta=meta)


def place_of(entry: Json) -> Json:
    return {key: entry[key] for key in PLACE if key in entry and (key != OFFSET or SIZE in entry)}


def _meta(entry: Json) -> Json:
    place = PLACE if SIZE in entry else [key for key in PLACE if key != OFFSET]
    return {key: value for key, value in entry.items() if key not in (*place, "path")}
