"""Images in a folder and the folders below it, with what is known of each in a .txt or .json file of the same name."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labelyard.generate.rows import Entry, Refusal, Row
from labelyard.generate.run_folder.layout import is_run
from labelyard.generate.source import Source
from labelyard.generate.sources.common.input_folder import InputFolder, marks_of, refuse_run, told
from labelyard.utils.errors import UserError
from labelyard.utils.image_formats import TELLING, format_of
from labelyard.utils.images import is_readable

# Files that are what they are called, whatever they hold, and need not be opened: on a network disk that takes a
# millisecond each. All others are looked into.
IMAGES = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif", ".jif"), "JPEG"),
    **{".mpo": "MPO", ".png": "PNG", ".apng": "PNG", ".webp": "WEBP", ".gif": "GIF", ".bmp": "BMP", ".dib": "DIB"},
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    **dict.fromkeys((".jp2", ".j2k", ".j2c", ".jpc", ".jpx"), "JPEG2000"),
    **dict.fromkeys((".ppm", ".pgm", ".pbm", ".pnm"), "PPM"),
    **{".tga": "TGA", ".pcx": "PCX", ".qoi": "QOI", ".ico": "ICO"},
    **dict.fromkeys((".avif", ".avifs"), "AVIF"),
    **dict.fromkeys((".heic", ".heif", ".hif"), "HEIC"),
    ".jxl": "JPEG XL",
}
BESIDE = (".txt", ".json")
VIDEOS = {".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp", ".mts", ".m2ts"}
# They begin as TIFF does, and what Pillow finds in them is a thumbnail, if anything.
RAW = {".dng", ".nef", ".nrw", ".cr2", ".cr3", ".arw", ".srf", ".sr2", ".orf", ".pef", ".rw2", ".raf", ".srw", ".3fr"}
NO_IMAGES = {
    ".jsonl", ".ndjson", ".csv", ".tsv", ".xml", ".yaml", ".yml", ".md", ".html", ".htm", ".log", ".pdf", ".svg", ".py",
    ".gz", ".zst", ".zip", ".tar", ".7z", ".rar", ".parquet", ".arrow", ".lmdb", ".mdb", ".npy", ".npz", ".pt", ".pth",
    ".bin", ".safetensors", ".pkl", ".db", ".wav", ".mp3",
}  # fmt: skip
UNREADABLE = {
    name: f"{name} (not readable here; convert them to JPEG or PNG)" for name in ("HEIC", "JPEG XL", "raw photos")
}
UNREADABLE["AVIF"] = "AVIF (this Pillow can't read it: pip install -U pillow)"


@dataclass(kw_only=True)
class Folder(Source):
    """An item's image is its path below the folder. A .json holds an object with whatever there is; a .txt the caption,
    unless the .json has one."""

    videos: bool = False  # take videos, too

    @classmethod
    def recognises(cls, path: Path) -> bool:
        return path.is_dir() and not is_run(path) and next(_pictures(InputFolder(path)), None) is not None

    def brings(self) -> tuple[str, ...]:
        return ("image", "video", "caption") if self.videos else ("image", "caption")

    def entries(self) -> Iterator[Row]:
        folder = InputFolder(self._top())
        self._left_out = folder.left_out
        for found in _pictures(folder, self.videos):
            yield self._row(found)

    def _row(self, found: Picture) -> Row:
        given: dict[str, Any] = {}
        image, stem = f"{found.place}/{found.name}", os.path.splitext(found.name)[0]
        if found.is_dangling:
            return Refusal(image, f"a link to nothing: {os.readlink(image)}")
        try:
            if f"{stem}.json" in found.there:
                given = self._object(f"{found.place}/{stem}.json")
            if self.caption_key is not None and self.caption_key not in given and f"{stem}.txt" in found.there:
                text = _content(f"{found.place}/{stem}.txt").decode("utf-8-sig")
                given[self.caption_key] = text.strip("\r\n")
        except UnicodeDecodeError as error:
            return Refusal(image, f"the file beside it is not UTF-8: {error.reason} at byte {error.start}")
        except OSError as error:
            return Refusal(image, f"the file beside it can't be read: {error.strerror}")
        except ValueError as error:
            return Refusal(image, f"the .json beside it can't be used: {error}")
        for key in (self.image_key, self.video_key):
            given.pop(key or "", None)  # where it lies is known better
        location = f"{found.inside}{found.name}"
        at = ("", location) if found.is_video else (location, "")
        if (lacking := self.lacking(*at, given.get(self.caption_key or ""))) is not None:
            return Refusal(image, lacking)
        entry = self.made(*at, given, image)
        # Photos have no captions as a rule. Only where a .json has other keys its caption may have been misnamed.
        return replace(entry, has_caption=True) if isinstance(entry, Entry) and not entry.given else entry

    def _object(self, path: str) -> dict[str, Any]:
        found = json.loads(_content(path))
        if not isinstance(found, dict):
            raise ValueError("it holds no object")
        return found

    def _top(self) -> Path:
        top = Path(self.path)
        if not top.is_dir():
            there = "is a file" if top.exists() else f"is not there (looked in {Path.cwd()})"
            raise UserError(f"source.path={self.path} {there}; source=folder reads a folder of images")
        refuse_run(top, "source=folder")
        folder = InputFolder(top)
        if next(_pictures(folder, self.videos), None) is None:
            seen = f"; left out: {told(folder.left_out)}" if folder.left_out else ""
            raise UserError(
                f"source.path={self.path}: no image in this folder or below it{seen}. If a list of images lies there, "
                "give the list as source.path"
            )
        return top

    def fingerprint(self) -> dict[str, Any]:
        """Every file's name and time: as long as one listing of the folder takes, and no longer."""
        return marks_of(self._top())


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


@dataclass(frozen=True)
class Picture:
    place: str  # its folder
    inside: str  # the same as seen from the top, with a slash behind it, or nothing
    name: str
    there: set[str]  # all names in the folder
    is_dangling: bool
    is_video: bool


def _pictures(folder: InputFolder, videos: bool = False) -> Iterator[Picture]:
    """Images (and videos), in order. The other files are counted."""
    for at in folder.folders():
        inside, there, stems = folder.inside(at.place), set(at.names), set[str]()
        for name in at.names:
            stem, ending = os.path.splitext(name)
            kind = _kind(at.place, name, ending.lower())
            if kind == "beside":
                continue
            if kind is None:
                folder.leave_out(name)
            elif kind == "videos" and not videos:
                folder.left_out[kind] += 1
            elif kind in UNREADABLE and not is_readable(kind):
                folder.left_out[UNREADABLE[kind]] += 1
            else:
                stems.add(stem)
                yield Picture(at.place, inside, name, there, name in at.dangling, kind == "videos")
        for stem, ending in map(os.path.splitext, at.names):
            if ending.lower() in BESIDE and (stem not in stems or ending not in BESIDE):
                folder.left_out[ending.lower()] += 1


def _kind(place: str, name: str, ending: str) -> str | None:
    """The format of an image, or what else it is; None if nothing that is known."""
    if ending in IMAGES:
        return IMAGES[ending]
    if ending in BESIDE:
        return "beside"
    if ending in RAW:
        return "raw photos"
    if ending in VIDEOS:
        return "videos"
    return None if ending in NO_IMAGES else _by_its_bytes(os.path.join(place, name))


def _by_its_bytes(path: str) -> str | None:
    """A pipe must not be waited for, and what can't be opened is no image that anybody could read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        return format_of(os.read(descriptor, TELLING))
    except OSError:
        return None
    finally:
        os.close(descriptor)
