"""What a source is: it reads one input format and yields its rows, as a stream and in a fixed order.

Where the file itself can't be read on (a wrong encoding, a file that is cut off, a table without the column), the list
is unusable: a UserError. What is wrong with the content of one row is a Refusal: it is counted, and the plan says where
it stands and why it is no item.
"""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from generate.entry import Entry, Refusal, Row
from generate.rows import Rows, grouped
from generate.settings import transient
from utils.errors import UserError, nearest
from utils.jsons import finite
from utils.streams import without_compression

PEEKED = 100  # rows of which at least one must be an item, before anything is written


@dataclass(kw_only=True)
class Source:
    """The dataclass fields are its configuration; conf/source/<option>.yaml names the class.

    `suffixes` are the names by which `source=auto` recognises the format; what has no telling name is recognised by
    `recognises`.
    """

    suffixes: ClassVar[tuple[str, ...]] = ()

    path: str = "???"  # the list: a file, a folder or a pattern, as the source has it
    root: str | None = transient(None)  # where relative image locations begin; by default the list's own folder
    image_key: str = "image"  # the key (the column) of the image's location
    caption_key: str | None = "caption"  # null: the images have no captions
    keep: list[str] | None = None  # the other keys that pass through; null: all of them
    # of the rows; more than that (and than a hundred) is no list to work with
    max_refused: float = transient(0.05, least=0, most=1)

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """By a look at it, where the name does not tell."""
        return False

    def entries(self) -> Iterator[Row]:
        raise NotImplementedError

    def rows(self) -> Iterator[Rows]:
        """The same, thousands at a time; for a source that can tell them faster that way."""
        return grouped(self.entries())

    def bulk(self) -> int:
        """About how many bytes there are to parse."""
        path = Path(self.path)
        if path.is_file():
            return path.stat().st_size
        is_list = self.suffixes and (path.is_dir() or glob.has_magic(self.path))
        return sum(file.stat().st_size for file in self.files()) if is_list else 0

    def gives(self) -> dict[str, tuple[str, ...]]:
        """The fields of a record that its items bring along, beyond image and caption, by what made them (the name of
        an earlier run's step). Steps may read them."""
        return {}

    def peek(self) -> None:
        """Read as far as the first item: most that can be wrong shows there, before anything is written."""
        first: Refusal | None = None
        for row in islice(self.entries(), PEEKED):
            if isinstance(row, Entry):
                return
            first = first or row
        if first is not None:
            raise UserError(f"{first} (and none of the first rows is an item)")

    def image_root(self) -> str:
        if self.root is not None:
            return self.root
        path = Path(self.path)
        if not path.exists() and glob.has_magic(self.path):
            fixed = list(path.parts)
            path = Path(*fixed[: next(n for n, part in enumerate(fixed) if glob.has_magic(part))])
            return str(path.resolve())
        return str(path.resolve() if path.is_dir() else path.resolve().parent)

    def fingerprint(self) -> dict[str, Any]:
        """Equal as long as reading again would give the same entries; cheap even for gigabytes."""
        return fingerprint(self.path, self.files())

    def files(self) -> list[Path]:
        """The input: one file, or those that a pattern or a folder stands for, in the order of their names."""
        path = Path(self.path)
        if path.is_dir():
            found = sorted(p for p in path.rglob("*") if self._is_ours(p.name) and not _hidden(p.relative_to(path)))
            if not found:
                raise UserError(f"source.path={self.path}: no file in this folder ends in {' or '.join(self.suffixes)}")
        elif not path.exists() and glob.has_magic(self.path):
            found = sorted(Path(name) for name in glob.glob(self.path, recursive=True))
            if not found:
                raise UserError(f"source.path={self.path}: no file fits this pattern (looked in {Path.cwd()})")
        else:
            found = [path]
        return [self.readable(file) for file in found]

    def _is_ours(self, name: str) -> bool:
        return without_compression(name).lower().endswith(self.suffixes) or name.lower().endswith(self.suffixes)

    def readable(self, path: Path | None = None) -> Path:
        """The input file, known to be there and readable."""
        path = path or Path(self.path)
        if not path.exists():
            raise UserError(
                f"source.path={path}: there is no such file (looked in {Path.cwd()}). Give the list of images, "
                "for example source.path=train_data.json"
            )
        if path.is_dir():
            raise UserError(f"source.path={path} is a folder; {type(self).__name__} reads a file")
        if not os.access(path, os.R_OK):
            raise UserError(f"source.path={path} can't be read: no permission. Try: ls -l {path}")
        return path

    def entry(self, row: Any, where: str) -> Row:
        """A row as an entry; `where` leads a person to it when it can't be one."""
        if not isinstance(row, Mapping):
            return Refusal(where, f"{kind_of(row)}, not an object with '{self.image_key}' and a caption")
        given = dict(row)
        image = given.pop(self.image_key, None)
        if not isinstance(image, str) or not image:
            return Refusal(where, self._no_image(row))
        caption = given.pop(self.caption_key, None) if self.caption_key is not None else None
        if caption is not None and not isinstance(caption, str):
            return Refusal(where, f"'{self.caption_key}' is {kind_of(caption)} ({caption!r:.60}), not text")
        try:
            given = finite(self.kept(given))
        except ValueError as error:
            return Refusal(where, f"{error}; such a thing can't be passed on. Drop it from the list")
        return Entry(image, caption or "", given, has_caption=self.caption_key is None or self.caption_key in row)

    def kept(self, given: dict[str, Any]) -> dict[str, Any]:
        return given if self.keep is None else {key: given[key] for key in self.keep if key in given}

    def _no_image(self, row: Mapping[str, Any]) -> str:
        if self.image_key in row:
            value = row[self.image_key]
            return f"'{self.image_key}' is {kind_of(value)} ({value!r:.60}), not the location of an image"
        return self.no_key("image_key", row)

    def no_key(self, option: str, keys: Iterable[str]) -> str:
        """What to say when the key that `source.<option>` names is not there: which are, and the one probably meant."""
        known, wanted = [str(key) for key in keys], getattr(self, option)
        likely = nearest(wanted, known)
        hint = f"Did you mean source.{option}={likely}?" if likely else f"Name the right one with source.{option}=…"
        hint += " (source.caption_key=null if there are no captions)" if option == "caption_key" else ""
        return f"has no '{wanted}'; its keys are {', '.join(known) or 'none'}. {hint}"


def fingerprint(path: str, files: list[Path]) -> dict[str, Any]:
    if [str(file) for file in files] == [str(Path(path))]:
        size, *rest = _marks(files[0])
        return {
            "path": str(Path(path).resolve()),
            "bytes": size,
            "mtime_ns": rest[0],
            # An edit may keep size and time; it can't keep these.
            "ctime_ns": rest[1],
            "inode": rest[2],
        }
    digest, total = hashlib.blake2b(digest_size=16), 0
    for file in files:
        marks = _marks(file)
        total += marks[0]
        digest.update(f"{file.resolve()}\0{marks}\n".encode("utf-8", "surrogatepass"))
    return {"path": os.path.abspath(path), "files": len(files), "bytes": total, "digest": digest.hexdigest()}


def _marks(file: Path) -> tuple[int, int, int, int]:
    status = file.stat()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


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
