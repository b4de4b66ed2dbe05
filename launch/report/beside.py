"""What lies beside a record, its side images and clips: where it is, and what of it fits a screen."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from labelyard.generate.media.inside_files import read_place
from labelyard.generate.media.parts import cut
from labelyard.utils.locations import local

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_BYTES = 256_000_000  # of a clip in an archive, to see its first frame
MANY = 8  # of more images each is kept smaller: one looks at them beside each other
LARGE, SMALL = 1024, 512  # pixels on the long side


@dataclass(frozen=True)
class Beside:
    """Of one run. `root`: where relative places begin. `home`: the folder that the report lies in, if not the run's."""

    run: Path
    root: str | None
    home: Path | None = None

    def images(self, entries: Mapping[str, Any], item_id: str) -> dict[str, Image]:
        """Those that can be shown, by name: what is gone or damaged takes nothing else with it."""
        most = LARGE if len(entries) <= MANY else SMALL
        found = {name: self._image(entry, item_id) for name, entry in entries.items()}
        return {name: _fitting(image, most) for name, image in found.items() if image is not None}

    def clips(self, entries: Mapping[str, Any], item_id: str) -> dict[str, tuple[str, Image | None]]:
        """By name: where a browser finds it (nowhere, where it is a part of a larger file), and its first frame."""
        return {name: self._clip(entry, item_id) for name, entry in entries.items()}

    def _image(self, entry: Mapping[str, Any], item_id: str) -> Image | None:
        from PIL import Image

        try:
            data = self._bytes(entry, item_id)
            if data is None:
                return None
            with Image.open(io.BytesIO(data)) as image:
                return eight_bits(cut(image, entry["part"]) if "part" in entry else image)
        except Exception:  # a decoder meets every kind of damage
            return None

    def _clip(self, entry: Mapping[str, Any], item_id: str) -> tuple[str, Image | None]:
        try:
            path = None if _is_inside(entry) else self._path(entry)
            if path is not None:
                frame = first_frame(path)
                return self._address(path), None if frame is None else _fitting(frame, LARGE)
            data = self._bytes(entry, item_id)
            if data is None:
                return "", None
            with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
                file.write(data)
                file.flush()
                frame = first_frame(Path(file.name))
            return "", None if frame is None else _fitting(frame, LARGE)
        except Exception:  # likewise
            return "", None

    def _address(self, path: Path) -> str:
        """As the page in HOME/report/ says it: what the run made is found wherever that folder was moved."""
        home = (self.home or self.run).resolve()
        if path.is_relative_to(home):
            return quote(f"../{path.relative_to(home).as_posix()}")
        return path.as_uri()

    def _bytes(self, entry: Mapping[str, Any], item_id: str) -> bytes | None:
        path = self._path(entry)
        if path is None:
            return None
        return read_place(entry, path, MOST_BYTES, item_id) if _is_inside(entry) else path.read_bytes()

    def _path(self, entry: Mapping[str, Any]) -> Path | None:
        """What a step made lies within the run folder, and nowhere else; what was given lies where it was given."""
        if "path" in entry:
            path = (self.run / entry["path"]).resolve()
            return path if path.is_relative_to(self.run.resolve()) and path.is_file() else None
        path = (Path(self.root or ".") / local(entry["file"])).resolve()
        return path if path.is_file() else None


def _is_inside(entry: Mapping[str, Any]) -> bool:
    """So many bytes of a larger file, or a cell of a table. An `offset` alone is what is added to a depth's numbers."""
    return "path" not in entry and not entry.keys().isdisjoint(("bytes", "row", "record"))


def first_frame(path: Path) -> Image | None:
    """Turned as its file says; None if it has none that can be had here."""
    from PIL import Image

    with path.open("rb") as file:
        start = file.read(16)
    if start.startswith((b"GIF8", b"RIFF", b"\x89PNG")) and start[8:12] != b"AVI ":
        with Image.open(path) as image:
            return eight_bits(image)
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # what is wrong with a file is told by the page
    import cv2

    video = cv2.VideoCapture(str(path))
    try:
        read, frame = video.read()
    finally:
        video.release()
    return Image.fromarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)) if read else None


def eight_bits(image: Image) -> Image:
    """Deep samples are stretched from their least to their greatest."""
    if not image.mode.startswith(("I", "F")):
        return image.convert("RGB")
    import numpy as np
    from PIL import Image as pillow

    values = np.nan_to_num(np.asarray(image).astype(np.float64))
    span = float(np.ptp(values)) or 1.0
    return pillow.fromarray(((values - values.min()) / span * 255).astype(np.uint8)).convert("RGB")


def _fitting(image: Image, most: int) -> Image:
    image.thumbnail((most, most))
    return image
