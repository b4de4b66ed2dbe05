"""Images and videos that belong to a record beside its own image: made by a step, or given with the item."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelyard.utils.images import decode_as_it_is, encode_jpeg, encode_png, size_in

if TYPE_CHECKING:
    from PIL.Image import Image

PHOTO_QUALITY = 95
ENDINGS = ("png", "jpg", "webp")

Place = Mapping[str, Any]  # as media/inside_files.py reads it; {"file": F} alone is the whole file
Reader = Callable[[], bytes]


class SideImage:
    """An image beside the record's own: pixels that a step made, bytes that are encoded already, or where it lies.

    It keeps the size in which it was made. What a step made is encoded once; `image` decodes what is asked for, so that
    many of them cost little memory. `ending` is png where every pixel counts, and jpg (quality 95) for photos: of those
    `image` shows what will be written from the start, whether or not it is encoded yet.
    """

    def __init__(
        self,
        image: Image | None = None,
        meta: dict[str, Any] | None = None,
        *,
        data: bytes | None = None,
        ending: str = "png",
        place: Place | None = None,
        reader: Reader | None = None,
    ) -> None:
        if sum(part is not None for part in (image, data, reader)) != 1:
            raise TypeError("a side image has one of: image (pixels), data (encoded), reader (of what lies at `place`)")
        if ending not in ENDINGS or (image is not None and ending == "webp"):
            raise TypeError(f"ending={ending!r}: give png or jpg" + ("" if image is not None else ", or webp"))
        self.meta = {} if meta is None else meta  # what one needs to read it: thresholds, scale, unit, …
        self.ending = ending
        self.place = place  # where it was given; it is read from there, and never copied into the run folder
        self._pixels, self._data, self._reader = image, data, reader

    @property
    def image(self) -> Image:
        pixels = self._pixels
        return pixels if pixels is not None and self.ending == "png" else decode_as_it_is(self.encoded())

    @property
    def size(self) -> tuple[int, int]:
        pixels = self._pixels
        return pixels.size if pixels is not None else size_in(self.encoded())

    def encoded(self) -> bytes:
        """The file's bytes; of one that is given, as they lie there."""
        pixels = self._pixels  # before the data: another thread, which sets them first, may be encoding it now
        if self._data is not None:
            return self._data
        if self._reader is not None:
            return self._reader()
        assert pixels is not None
        return encode_png(pixels) if self.ending == "png" else encode_jpeg(pixels, PHOTO_QUALITY)

    @property
    def is_encoded(self) -> bool:
        return self._pixels is None

    def encode(self) -> None:
        """Keep the bytes instead of the pixels. Threads may do this while a step looks at the image."""
        if self._pixels is not None:
            self._data = self.encoded()
            self._pixels = None

    def __repr__(self) -> str:
        kept = "pixels" if self._pixels is not None else "data" if self._data is not None else f"place={self.place!r}"
        return f"SideImage({kept}, meta={self.meta!r}, ending={self.ending!r})"


@dataclass(frozen=True)
class Clip:
    """A video beside the record's image, by name: where it lies, a file that a step made, or its bytes."""

    place: Place | None = None  # where it was given; it stays there
    path: Path | None = None  # a file that a step made: it is taken into the run folder
    data: bytes | None = None
    ending: str = "mp4"  # of what a step made
    meta: Mapping[str, Any] = field(default_factory=dict)  # frames per second, duration, …

    def __post_init__(self) -> None:
        if sum(part is not None for part in (self.place, self.path, self.data)) != 1:
            raise TypeError("a clip has one of: place (given), path (a file that was made), data")
