"""What is looked at behind the links: annotations parse, have the keys that are read, and name pictures that exist."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from labelyard.utils.errors import UserError
from labelyard.utils.json_stream import NotAList, lumps
from labelyard.utils.plain_pickle import NotPlain, load_plain
from labelyard.utils.streams import Damaged, opened
from labelyard.utils.text import one_line

FIRST = 3  # of what is wrong, so many are named
PICTURES = (".jpg", ".jpeg", ".png")
Places = Callable[[str], list[Path]]  # where a place of the layout leads; several where folders become one of links


@dataclass
class Seen:
    """What a check found. `problems` keep the trainer from reading it; `absent` are pictures that are named."""

    name: str
    entries: int = 0
    named: int = 0
    absent: int = 0
    first_absent: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)  # files
    problems: list[str] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        return not (self.absent or self.missing or self.problems)


@dataclass(frozen=True)
class Looking:
    """How: through which links, and at how many of the pictures that are named (None: all)."""

    places: Places
    sample: int | None = None

    def file(self, place: str) -> Path | None:
        folder, _, name = place.rpartition("/")
        wholes = [*self.places(place), *(below / name for below in self.places(folder))]
        return next((path for path in wholes if path.is_file()), None)

    def check_pictures(self, names: Iterable[tuple[str, str]], seen: Seen) -> None:
        """Each with the place below which it is looked for."""
        for folder, name in self._some(_counted(names, seen)):
            if not any(is_there(base, name) for base in self.places(folder)):
                seen.absent += 1
                if len(seen.first_absent) < FIRST:
                    seen.first_absent.append(f"{folder}/{name}")

    def _some(self, names: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        if self.sample is None:
            yield from names
            return
        chance, kept = random.Random(0), list[tuple[str, str]]()
        for number, one in enumerate(names):
            if len(kept) < self.sample:
                kept.append(one)
            elif (at := chance.randrange(number + 1)) < self.sample:
                kept[at] = one
        yield from kept


def _counted(names: Iterable[tuple[str, str]], seen: Seen) -> Iterator[tuple[str, str]]:
    for one in names:
        seen.named += 1
        yield one


def is_there(base: Path, name: str) -> bool:
    folder, _, own = name.rpartition("/")
    listed = names_in(str(base / folder) if folder else str(base))
    return own in listed


@lru_cache(maxsize=256)
def names_in(folder: str) -> frozenset[str]:
    """One listing costs less than to ask for each of a hundred thousand names. Links to nothing are not there."""
    try:
        with os.scandir(folder) as there:
            return frozenset(one.name for one in there if not one.is_symlink() or os.path.exists(one.path))
    except OSError:
        return frozenset()


class Check:
    """Something that must be in a layout."""

    name: str  # the place that it looks at

    def look(self, at: Looking) -> Seen:
        raise NotImplementedError


@dataclass(frozen=True)
class Rows:
    """One list of a JSON file."""

    key: str  # where the list is; "": the file is the list
    keys: tuple[str, ...]  # what the trainer reads of each entry
    image: str = ""  # the key that names a picture
    below: str = ""  # where that is looked for
    inside: bool = False  # an entry is an object with one value, which is meant
    form: tuple[str, str, str] | None = None  # a key, what its text must fit, and that in words


@dataclass(frozen=True)
class Listing(Check):
    name: str
    rows: tuple[Rows, ...]

    def look(self, at: Looking) -> Seen:
        seen = Seen(self.name)
        path = at.file(self.name)
        if path is None:
            seen.missing.append(self.name)
            return seen
        for rows in self.rows:
            try:
                at.check_pictures(_pictures(path, rows, seen), seen)
            except Unreadable as error:
                seen.problems.append(f"{self.name} can't be read: {error}")
                break
        return seen


def _pictures(path: Path, rows: Rows, seen: Seen) -> Iterator[tuple[str, str]]:
    number, lacking, unfit = 0, Told(), Told()
    for number, entry in enumerate(entries_of(path, rows.key), 1):
        if rows.inside:
            entry = next(iter(entry.values()), None) if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not entry.keys() >= set(rows.keys):
            lacks = [key for key in rows.keys if not isinstance(entry, dict) or key not in entry]
            lacking.add(f"{number - 1} lacks {', '.join(lacks)}")
            continue
        if rows.form is not None and not re.fullmatch(rows.form[1], str(entry[rows.form[0]])):
            unfit.add(repr(entry[rows.form[0]]))
        if rows.image:
            yield rows.below, str(entry[rows.image])
    seen.entries += number
    where = f"{seen.name}, {rows.key}" if rows.key else seen.name
    if not number:
        seen.problems.append(f"{where}: no entries")
    if lacking.number:
        seen.problems.append(f"{where}: {lacking.number} of {number} entries lack keys that are read: {lacking}")
    if rows.form is not None and unfit.number:
        seen.problems.append(f"{where}: {unfit.number} of {number} are not {rows.form[2]}: {unfit}")


class Told:
    """How many there are, and the first of them."""

    def __init__(self) -> None:
        self.number, self._first = 0, list[str]()

    def add(self, text: str) -> None:
        self.number += 1
        if len(self._first) < FIRST:
            self._first.append(one_line(text, 100))

    def __str__(self) -> str:
        return "; ".join(self._first) + ("; …" if self.number > len(self._first) else "")


class Unreadable(Exception):
    """Why a file is no annotations."""


def entries_of(path: Path, key: str) -> Iterator[Any]:
    """A list of a JSON file as a stream; `key` "": the file itself."""
    import ijson

    try:
        with opened(path) as file:
            if not key:
                for some in lumps(file):
                    yield from some
            else:
                yield from ijson.items(file, f"{key}.item", use_float=True)
    except (NotAList, ijson.JSONError, UnicodeDecodeError, Damaged, UserError) as error:
        raise Unreadable(one_line(str(error), 160)) from None
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from None


@dataclass(frozen=True)
class Pairs(Check):
    """Files of one ending, each with a partner of the same name elsewhere."""

    name: str
    ending: str
    partner: str
    partners_ending: str

    def look(self, at: Looking) -> Seen:
        seen = Seen(self.name)
        names = [name for base in at.places(self.name) for name in sorted(names_in(str(base)))]
        names = [name for name in names if name.endswith(self.ending)]
        if not names:
            seen.missing.append(f"{self.name}/*{self.ending}")
            return seen
        seen.entries = len(names)
        partners = ((self.partner, name.removesuffix(self.ending) + self.partners_ending) for name in names)
        at.check_pictures(partners, seen)
        return seen


@dataclass(frozen=True)
class Pictures(Check):
    """A folder with pictures, of which nothing is known beforehand."""

    name: str
    folders: bool = False  # they lie in folders below

    def look(self, at: Looking) -> Seen:
        seen = Seen(self.name)
        for base in at.places(self.name):
            names = names_in(str(base))
            seen.entries += len(names) if self.folders else sum(n.lower().endswith(PICTURES) for n in names)
        if not seen.entries:
            seen.missing.append(f"{self.name}/{'*/*.jpg' if self.folders else '*.jpg'}")
        return seen


@dataclass(frozen=True)
class References(Check):
    """The pickled expressions of one data set, with instances.json beside them."""

    name: str  # of the folder
    by: str
    below: str  # where its pictures are looked for

    def look(self, at: Looking) -> Seen:
        seen = Seen(self.name)
        wanted = {part: at.file(f"{self.name}/{part}") for part in (f"refs({self.by}).p", "instances.json")}
        seen.missing += [f"{self.name}/{part}" for part, path in wanted.items() if path is None]
        refs_path, instances = wanted.values()
        if refs_path is None or instances is None:
            return seen
        try:
            refs = load_plain(refs_path.read_bytes())
            self._look(at, refs, instances, seen)
        except NotPlain as error:
            seen.problems.append(f"{self.name}/{refs_path.name} can't be read: {error}")
        except (Unreadable, OSError) as error:
            seen.problems.append(f"{self.name} can't be read: {error}")
        except (KeyError, TypeError, AttributeError) as error:
            seen.problems.append(f"{self.name}: entries lack keys that are read: {type(error).__name__}: {error}")
        return seen

    def _look(self, at: Looking, refs: Any, instances: Path, seen: Seen) -> None:
        seen.entries = len(refs)
        train = {ref["image_id"] for ref in refs if ref["split"] == "train"}
        if not train:
            seen.problems.append(f"{self.name}: no entries of the split train")
        annotations = {entry["id"] for entry in entries_of(instances, "annotations")}
        lost = Told()
        for ref in refs:
            if ref["ann_id"] not in annotations:
                lost.add(f"ref {ref['ref_id']} names annotation {ref['ann_id']}")
        if lost.number:
            seen.problems.append(f"{self.name}: {lost.number} of {len(refs)} name no annotation that is there: {lost}")
        images = {entry["id"]: entry["file_name"] for entry in entries_of(instances, "images")}
        unknown = [image for image in train if image not in images]
        if unknown:
            seen.problems.append(f"{self.name}: {len(unknown)} images of refs are not in instances.json")
        at.check_pictures(((self.below, name) for image, name in images.items() if image in train), seen)


@dataclass(frozen=True)
class Keys(Check):
    """An LMDB folder with its list of keys inside; a key names a picture."""

    name: str  # of the list
    below: str

    def look(self, at: Looking) -> Seen:
        seen = Seen(self.name)
        path = at.file(self.name)
        if path is None:
            seen.missing.append(self.name)
            return seen
        if not (path.parent / "data.mdb").is_file():
            seen.missing.append(f"{self.name.rpartition('/')[0]}/data.mdb")
        with path.open(encoding="utf-8") as file:
            at.check_pictures(((self.below, line.strip()) for line in file if line.strip()), seen)
        seen.entries = seen.named
        if not seen.entries:
            seen.problems.append(f"{self.name}: no entries")
        return seen
