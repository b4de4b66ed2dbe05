"""What an item has and its record does not hold: an image that was not written into it, a video."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labelyard.generate.errors import ItemError, PassingError
from labelyard.generate.record import Item
from labelyard.generate.run_folder.layout import RunFolder

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class OwnMedia:
    image: Image | None = None  # in the record's frame
    video: Mapping[str, Any] | None = None  # its place


def own_media(folder: RunFolder, shard: int, record: Mapping[str, Any], root: str | None) -> OwnMedia:
    """Of a record without an image in it; of all others nothing is looked up."""
    item = None if "image" in record else _item(folder, shard, record["id"])
    if item is None:
        return OwnMedia()
    place = (item.place or {}).get("video") or {"file": item.video}
    return OwnMedia(_image(item, record, root), place if item.video else None)


def _item(folder: RunFolder, shard: int, item_id: str) -> Item | None:
    return next((item for item in folder.items(shard) if item.id == item_id), None)


def _image(item: Item, record: Mapping[str, Any], root: str | None) -> Image | None:
    """Read again from where it lies, as long as that is there."""
    from labelyard.generate.media.load import Load, read
    from labelyard.utils.images import UnreadableImage, decode

    if not item.image or "width" not in record:
        return None
    try:
        image = decode(read(item, root), Load.max_pixels, Load.max_aspect).image
    except (ItemError, PassingError, UnreadableImage):
        return None
    return image.resize((record["width"], record["height"]))
