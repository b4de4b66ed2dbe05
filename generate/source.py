"""What a source is: it reads one input format and yields entries, as a stream and in a fixed order."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from generate.settings import transient
from utils.errors import UserError, nearest
from utils.jsons import finite


@dataclass(frozen=True)
class Entry:
    """One row of the input, before it has an id and a place in the plan."""

    image: str
    caption: str
    given: Mapping[str, Any] = field(default_factory=dict)
    has_caption: bool = True


@dataclass(kw_only=True)
class Source:
    """The dataclass fields are its configuration; conf/source/<option>.yaml names the class.

    `suffixes` are the names by which `source=auto` recognises the format.
    """

    suffixes: ClassVar[tuple[str, ...]] = ()

    path: str = "???"
    root: str | None = transient(None)  # where relative image locations begin; by default the list's own folder
    image_key: str = "image"
    caption_key: str | None = "caption"  # null: the images have no captions

    def entries(self) -> Iterator[Entry]:
        raise NotImplementedError

    def peek(self) -> None:
        """Read as far as the first entry: most that can be wrong shows there, before anything is written."""
        next(iter(self.entries()), None)

    def image_root(self) -> str:
        return self.root if self.root is not None else str(Path(self.path).resolve().parent)

    def fingerprint(self) -> dict[str, Any]:
        """Equal as long as reading again would give the same entries; cheap even for gigabytes."""
        status = self.readable().stat()
        return {
            "path": str(Path(self.path).resolve()),
            "bytes": status.st_size,
            "mtime_ns": status.st_mtime_ns,
            # An edit may keep size and time; it can't keep these.
            "ctime_ns": status.st_ctime_ns,
            "inode": status.st_ino,
        }

    def readable(self) -> Path:
        """The input file, known to be there and readable."""
        path = Path(self.path)
        if not path.exists():
            raise UserError(
                f"source.path={self.path}: there is no such file (looked in {Path.cwd()}). Give the list of images, "
                "for example source.path=train_data.json"
            )
        if path.is_dir():
            raise UserError(f"source.path={self.path} is a folder; {type(self).__name__} reads a file")
        if not os.access(path, os.R_OK):
            raise UserError(f"source.path={self.path} can't be read: no permission. Try: ls -l {self.path}")
        return path

    def entry(self, row: Any, where: str) -> Entry:
        """A row as an entry; `where` leads a person to it when it can't be one."""
        if not isinstance(row, Mapping):
            raise UserError(f"{where} is {kind_of(row)}, not an object with '{self.image_key}' and a caption")
        given = dict(row)
        image = given.pop(self.image_key, None)
        if not isinstance(image, str) or not image:
            raise UserError(self._no_image(row, where))
        caption = given.pop(self.caption_key, None) if self.caption_key is not None else None
        if caption is not None and not isinstance(caption, str):
            raise UserError(f"{where}: '{self.caption_key}' is {kind_of(caption)} ({caption!r:.60}), not text")
        try:
            given = finite(given)
        except ValueError as error:
            raise UserError(f"{where} is {error}; such a thing can't be passed on. Drop it from the list") from None
        return Entry(image, caption or "", given, has_caption=self.caption_key in row)

    def _no_image(self, row: Mapping[str, Any], where: str) -> str:
        if self.image_key in row:
            value = row[self.image_key]
            return f"{where}: '{self.image_key}' is {kind_of(value)} ({value!r:.60}), not the location of an image"
        likely = nearest(self.image_key, map(str, row))
        hint = f" Did you mean source.image_key={likely}?" if likely else " Name the right one with source.image_key=…"
        return f"{where} has no '{self.image_key}'; its keys are {', '.join(map(str, row)) or 'none'}.{hint}"


def kind_of(value: Any) -> str:
    if value is None:
        return "null"
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), type(value).__name__)
