"""A record's image or video as a path, which is what users' classes open."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from labelyard.generate.media.inside_files import resolve
from labelyard.generate.record import Record
from labelyard.generate.record_json.chosen import shown
from labelyard.utils.images import encode_png, ending
from labelyard.utils.locations import is_fetched

INSIDE = ("offset", "row", "record", "part")  # keys of the place of an image that is no file of its own


class Places:
    """Images inside a table or a tar, or from elsewhere, are written to a folder that goes when this does."""

    def __init__(self, root: str | None) -> None:
        self._root = root
        self._folder: TemporaryDirectory[str] | None = None

    def image(self, record: Record) -> str:
        item = shown(record.item)
        if not (item.place and any(key in item.place for key in INSIDE)) and not is_fetched(item.image):
            return str(resolve(item.image, self._root).absolute())
        data = record.original_bytes or encode_png(record.image)
        return self._written(f"{item.id}.{ending(data)}", data)

    def video(self, record: Record) -> str:
        part = record.video.part
        if part.size is None and part.file is None:
            return str(part.path.absolute())
        with open(part.open(), "rb") as file:
            file.seek(part.offset)
            return self._written(f"{record.item.id}{_ending(record.item.video)}", file.read(part.size))

    def _written(self, name: str, data: bytes) -> str:
        self._folder = self._folder or TemporaryDirectory(prefix="labelyard-")
        path = Path(self._folder.name) / name
        path.write_bytes(data)
        return str(path)


def _ending(video: str) -> str:
    """Of an address what stands ahead of its query."""
    return Path(urlsplit(video).path if is_fetched(video) else video).suffix or ".mp4"
