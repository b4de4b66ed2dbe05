"""Items, records and instances: the one shape that sources, steps and exporters share.

Inside the program boxes are xyxy floats in pixels of the record's image as it was loaded (orientation applied), and
masks are COCO run-length codes of that same size. `record_json/encode.py` turns a finished record into its JSON.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from labelyard.generate.errors import ItemError
from labelyard.generate.media.side_images import Clip, SideImage
from labelyard.utils.rle import Rle
from labelyard.utils.text import one_line, safe_stem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from labelyard.generate.media.video import Video

__all__ = [
    "Aside", "Box", "Clip", "Instance", "Item", "MadeImage", "Phrase", "Record", "SideImage", "Tag", "Text", "item_id",
]  # fmt: skip

MadeImage = SideImage  # its name where only steps made them

Value = TypeVar("Value")
Box = tuple[float, float, float, float]


def content(image: str, video: str) -> str:
    """What an item is known by beside its caption: where its image lies, and its video; nothing of a text."""
    return f"{image}\0{video}" if video else image


def item_id(image: str, caption: str, video: str = "") -> str:
    """The same image location with the same caption is the same item, wherever it stands in whichever list.

    64 bits: among ten million items the chance that any two share an id by accident is 3 in a million.
    """
    place, words = content(image, video).encode("utf-8", "surrogatepass"), caption.encode("utf-8", "surrogatepass")
    # The length tells where one ends and the other begins, whatever bytes they hold.
    return hashlib.blake2b(b"%d:" % len(place) + place + words, digest_size=8).hexdigest()


@dataclass(frozen=True)
class Item:
    """One line of the input. `index` is its position in the run's plan, unique in the run and never changed."""

    id: str
    index: int
    image: str  # empty where there is none: an item may be a text, or a video
    caption: str
    given: Mapping[str, Any] = field(default_factory=dict)  # what the user gave beyond image and caption
    place: Mapping[str, Any] | None = None  # where the image lies if `image` only names it (media/inside_files.py)
    known: Mapping[str, Any] | None = None  # what is known of it before the first step (generate/record_json/given.py)
    video: str = ""  # its location, where the item is a video

    @property
    def label(self) -> str:
        """What a person knows it by: where its image or video lies, or how its text begins."""
        return self.image or self.video or one_line(self.caption, 60) or self.id

    @property
    def name(self) -> str:
        """Part of every file name that belongs to the item."""
        location = self.image or self.video
        return f"{safe_stem(location) if location else 'text'}-{self.id}"

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
        if self.video:
            line["video"] = self.video
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
            line.get("video", ""),
        )


@dataclass
class Tag:
    name: str
    score: float
    prompt: str = ""  # what a detector asks for, where that is not the name
    extra: dict[str, Any] = field(default_factory=dict)  # further findings, written as they are (e.g. a phrase's noun)


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


@dataclass(frozen=True)
class Phrase:
    """A part of a text, `text[start:end]`, and the instances that it speaks of, by their numbers."""

    start: int
    end: int
    instances: tuple[int, ...]


@dataclass(frozen=True)
class Text:
    """A text about the item."""

    text: str
    source: str  # "given", "model" or "template"
    phrases: tuple[Phrase, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)  # further findings about it, written as they are


@dataclass
class Aside:
    """What one step found, kept apart from the record's own fields. None: it writes nothing of that kind."""

    tags: list[Tag] | None = None
    instances: list[Instance] | None = None
    texts: dict[str, Text] | None = None


class _Own(Generic[Value]):
    """`Record.image`, `Record.video`: whoever asks for one that is not there is told so, not failing somewhere
    behind."""

    def __init__(self, what: str) -> None:
        self._what = what

    @overload
    def __get__(self, record: None, owner: type[Record]) -> None: ...
    @overload
    def __get__(self, record: Record, owner: type[Record]) -> Value: ...

    def __get__(self, record: Record | None, owner: type[Record]) -> Value | None:
        if record is None:
            return None  # the field's default
        value: Value | None = record.__dict__[self._what]
        if value is None:
            raise ItemError(
                f"{record.item.name} has no {self._what}. A step that looks at one has '{self._what}' in `reads`, so "
                "that its pipeline is refused where there is none",
                record.item.id,
            )
        return value

    def __set__(self, record: Record, value: Value | None) -> None:
        record.__dict__[self._what] = value


@dataclass(eq=False, repr=False)
class Record:
    """An item on its way through the pipeline."""

    item: Item
    image: _Own[Image] = _Own("image")  # RGB, orientation applied; an ItemError where the item has none
    original_bytes: bytes | None = None  # the file as it came, kept only where it shows exactly `image`
    facts: dict[str, Any] = field(default_factory=dict)  # of the file: format, mode, what was done to read it
    caption: str = ""
    tags: list[Tag] = field(default_factory=list)
    instances: list[Instance] = field(default_factory=list)
    images: dict[str, SideImage] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)  # step name -> what made its part
    texts: dict[str, Text] = field(default_factory=dict)  # about the item, by name
    found: dict[str, Any] = field(default_factory=dict)  # JSON values about the whole item, by name
    aside: dict[str, Aside] = field(default_factory=dict)  # by the step that found it
    clips: dict[str, Clip] = field(default_factory=dict)  # by name

    video: _Own[Video] = _Own("video")  # its frames; an ItemError where the item has none

    @property
    def has_video(self) -> bool:
        return self.__dict__["video"] is not None

    @property
    def has_image(self) -> bool:
        return self.__dict__["image"] is not None

    @property
    def width(self) -> int:
        return self.image.width

    @property
    def height(self) -> int:
        return self.image.height

    def __repr__(self) -> str:
        return f"Record({self.item.name})"
