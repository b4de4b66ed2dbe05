"""Items, records and instances: the one shape that sources, steps and exporters share.

Inside the program boxes are xyxy floats in pixels of the record's image as it was loaded (orientation applied), and
masks are COCO run-length codes of that same size. `record_json/encode.py` turns a finished record into its JSON.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from labelyard.utils.rle import Rle
from labelyard.utils.text import safe_stem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

Box = tuple[float, float, float, float]


def item_id(image: str, caption: str) -> str:
    """The same image location with the same caption is the same item, wherever it stands in whichever list.

    64 bits: among ten million items the chance that any two share an id by accident is 3 in a million.
    """
    place, words = image.encode("utf-8", "surrogatepass"), caption.encode("utf-8", "surrogatepass")
    # The length tells where one ends and the other begins, whatever bytes they hold.
    return hashlib.blake2b(b"%d:" % len(place) + place + words, digest_size=8).hexdigest()


@dataclass(frozen=True)
class Item:
    """One line of the input. `index` is its position in the run's plan, unique in the run and never changed."""

    id: str
    index: int
    image: str
    caption: str
    given: Mapping[str, Any] = field(default_factory=dict)  # what the user gave beyond image and caption
    place: Mapping[str, Any] | None = None  # where the image lies if `image` only names it (media/inside_files.py)
    known: Mapping[str, Any] | None = None  # what is known of it before the first step (generate/record_json/given.py)

    @property
    def name(self) -> str:
        """Part of every file name that belongs to the item."""
        return f"{safe_stem(self.image)}-{self.id}"

    def to_json(self) -> dict[str, Any]:
        line: dict[str, Any] = {
            "id": self.id,
            "index": self.index,
            "image": self.image,
            "caption": self.caption,
        }
        if self.given:
            line["given"] = dict(self.given)
        if self.place:
            line["place"] = dict(self.place)
        if self.known:
            line["known"] = dict(self.known)
        return line

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Item:
        return cls(
            line["id"],
            line["index"],
            line["image"],
            line["caption"],
            line.get("given", {}),
            line.get("place"),
            line.get("known"),
        )


@dataclass
class Tag:
    name: str
    score: float


@dataclass
class Instance:
    """One object in a record."""

    box: Box
    score: float
    label: str
    mask: Rle | None = None
    caption: str | None = None
    caption_source: str | None = None  # "model" or "template": whether anyone looked at the picture to write it
    label_embedding: NDArray[np.float32] | None = None
    caption_embedding: NDArray[np.float32] | None = None
    extra: dict[str, Any] = field(default_factory=dict)  # further findings, written as they are (e.g. median depth)


@dataclass
class MadeImage:
    """An image that a step made (edges, depth, …). It keeps the size in which it was made; the record says which."""

    image: Image
    meta: dict[str, Any] = field(default_factory=dict)  # what one needs to read it: thresholds, scale, unit, …


@dataclass
class Record:
    """An item on its way through the pipeline."""

    item: Item
    image: Image  # RGB, orientation applied
    original_bytes: bytes | None = None  # the file as it came, kept only where it shows exactly `image`
    facts: dict[str, Any] = field(default_factory=dict)  # of the file: format, mode, what was done to read it
    caption: str = ""
    tags: list[Tag] = field(default_factory=list)
    instances: list[Instance] = field(default_factory=list)
    images: dict[str, MadeImage] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)  # step name -> what made its part

    @property
    def width(self) -> int:
        return self.image.width

    @property
    def height(self) -> int:
        return self.image.height
