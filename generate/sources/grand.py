"""GranD as it was published: a .json for each picture with all that was found, or the LMDBs that were made of them.

The plan names a picture's annotation by its place. A worker reads it, and takes all of it over: objects and what
floats, captions with their phrases, the landmark, relations.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelyard.generate.errors import ItemError
from labelyard.generate.media.inside_files import resolve
from labelyard.generate.record import Record
from labelyard.generate.record_json.given import read_known
from labelyard.generate.rows import Entry, Row
from labelyard.generate.source import Source
from labelyard.generate.sources.common.grand_bodies import fill
from labelyard.generate.sources.common.input_folder import InputFolder, marks_of, refuse_run
from labelyard.utils.errors import UserError

if TYPE_CHECKING:
    from lmdb import Environment

TAKE = "labelyard.generate.sources.grand.take"


@dataclass(kw_only=True)
class Grand(Source):
    """`path`: the folder of .json files, or an LMDB's; `root`: the pictures."""

    caption_key: str | None = None
    ending: str = ".jpg"  # of the pictures of .json files; an LMDB has their names

    def gives(self) -> dict[str, tuple[str, ...]]:
        found = ("instances", "instances.mask", "instances.median_depth", "found.landmark", "found.relationships")
        return {"grand": (*found, "texts.blip2", "texts.llava", "texts.dense", "texts.context")}

    @property
    def _is_lmdb(self) -> bool:
        return (Path(self.path) / "data.mdb").is_file()

    def files(self) -> list[Path]:
        return [Path(self.path) / "data.mdb"] if self._is_lmdb else []

    def fingerprint(self) -> dict[str, Any]:
        return super().fingerprint() if self._is_lmdb else marks_of(self._folder())

    def _folder(self) -> Path:
        folder = Path(self.path)
        if not folder.is_dir():
            raise UserError(f"source.path={self.path}: there is no such folder (looked in {Path.cwd()})")
        refuse_run(folder, "source=grand")
        return folder

    def entries(self) -> Iterator[Row]:
        folder, root = self._folder().resolve(), self.image_root()
        if self._is_lmdb:
            place = os.path.relpath(folder, root)
            with _environment(os.path.realpath(folder)).begin() as there:
                for key in there.cursor().iternext(values=False):
                    name = bytes(key).decode("utf-8")
                    yield Entry(name, "", known={"by": TAKE, "file": place})
            return
        listed = InputFolder(folder)
        self._left_out = listed.left_out
        for at in listed.folders():
            inside = listed.inside(at.place)
            for name in at.names:
                if name.endswith(".json"):
                    place = os.path.relpath(Path(at.place, name), root)
                    yield Entry(f"{inside}{name[:-5]}{self.ending}", "", known={"by": TAKE, "file": place})
                else:
                    listed.leave_out(name)


def take(record: Record, known: Mapping[str, Any]) -> None:
    try:
        fill(record, _body(record, known))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ItemError(
            f"what GranD says of it can't be used: {type(error).__name__}: {error}: {known['file']}", record.item.id
        ) from None


take.gives = ("instances", "instances.mask", "texts", "found.landmark")  # type: ignore[attr-defined]


def _body(record: Record, known: Mapping[str, Any]) -> Any:
    """What is said of this picture; a file's only key, whatever it is called, means it, too."""
    path = resolve(known["file"], known.get("root"))
    if path.is_dir():
        with _environment(os.path.realpath(path)).begin() as there:
            data = there.get(record.item.image.encode())
        if data is None:
            raise ValueError(f"it has no key {record.item.image}")
    else:
        data = read_known(record, known)
    whole = json.loads(bytes(data))
    name = record.item.image
    for key in (name, os.path.basename(name), os.path.splitext(os.path.basename(name))[0]):
        if key in whole:
            return whole[key]
    if len(whole) == 1:
        return next(iter(whole.values()))
    raise KeyError(name)


@lru_cache(maxsize=4)
def _environment(folder: str) -> Environment:
    try:
        import lmdb
    except ImportError:
        raise UserError("GranD's LMDBs need the package lmdb. Try: pip install -e '.[formats]'") from None
    return lmdb.open(folder, readonly=True, lock=False, readahead=False)
