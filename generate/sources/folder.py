"""Images in a folder and the folders below it, with what is known of each in a .txt or .json file of the same name."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generate.entry import Refusal, Row
from generate.source import Source
from utils.errors import UserError

IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".jp2", ".avif")


@dataclass(kw_only=True)
class Folder(Source):
    """An item's image is its path below the folder. A .json holds an object with whatever there is; a .txt the caption,
    unless the .json has one."""

    @classmethod
    def recognises(cls, path: Path) -> bool:
        return path.is_dir() and next(_images(path), None) is not None and not (path / "run.json").exists()

    def entries(self) -> Iterator[Row]:
        top = self._top()
        for folder, names in _walk(top):
            there = set(names)
            for name in names:
                if name.lower().endswith(IMAGES):
                    yield self._row(top, folder / name, there)

    def _row(self, top: Path, image: Path, there: set[str]) -> Row:
        given: dict[str, Any] = {}
        try:
            if image.stem + ".json" in there:
                given = self._object(image.with_suffix(".json"))
            if self.caption_key is not None and self.caption_key not in given and image.stem + ".txt" in there:
                given[self.caption_key] = image.with_suffix(".txt").read_bytes().decode("utf-8-sig").strip("\r\n")
        except UnicodeDecodeError as error:
            return Refusal(str(image), f"the file beside it is not UTF-8: {error.reason} at byte {error.start}")
        except OSError as error:
            return Refusal(str(image), f"the file beside it can't be read: {error.strerror}")
        except ValueError as error:
            return Refusal(str(image), f"the .json beside it can't be used: {error}")
        given.pop(self.image_key, None)  # where the image lies is known better
        return self.entry({**given, self.image_key: image.relative_to(top).as_posix()}, str(image))

    def _object(self, path: Path) -> dict[str, Any]:
        found = json.loads(path.read_bytes())
        if not isinstance(found, dict):
            raise ValueError("it holds no object")
        return found

    def _top(self) -> Path:
        top = Path(self.path)
        if not top.is_dir():
            there = "is a file" if top.exists() else f"is not there (looked in {Path.cwd()})"
            raise UserError(f"source.path={self.path} {there}; source=folder reads a folder of images")
        if next(_images(top), None) is None:
            raise UserError(f"source.path={self.path}: no image in this folder or below it ({', '.join(IMAGES)})")
        return top

    def fingerprint(self) -> dict[str, Any]:
        """Every file's name and time: as long as one listing of the folder takes, and no longer."""
        top, number, digest = self._top(), 0, hashlib.blake2b(digest_size=16)
        for folder, names in _walk(top):
            for name in names:
                status = (folder / name).stat()
                number += 1
                digest.update(os.fsencode(folder / name) + b"\0%d %d\n" % (status.st_size, status.st_mtime_ns))
        return {"path": str(top.resolve()), "files": number, "digest": digest.hexdigest()}


def _walk(top: Path) -> Iterator[tuple[Path, list[str]]]:
    """Folders and the files in them, sorted; hidden ones are left out."""
    for folder, below, names in os.walk(top, onerror=_refuse):
        below[:] = sorted(name for name in below if not name.startswith("."))
        yield Path(folder), sorted(name for name in names if not name.startswith("."))


def _refuse(error: OSError) -> None:
    """Else the files of a folder that can't be listed would be missing without a word."""
    raise UserError(f"{error.filename}: {error.strerror}")


def _images(top: Path) -> Iterator[Path]:
    return (folder / name for folder, names in _walk(top) for name in names if name.lower().endswith(IMAGES))
