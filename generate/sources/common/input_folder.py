"""A folder of input: walked in a fixed order, through linked folders too, and past what Labelyard has made in it.

A file has one name: a link to a folder that is read anyhow (or to one of those above it, which would never end) is not
followed. What is not read is counted, by kind, so that it can be told.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from labelyard.generate.run_folder.layout import is_run
from labelyard.utils.errors import UserError

RUNS, EXPORTS, LINKS, HIDDEN = "run folders", "exports", "links to folders that are read anyhow", "hidden"
NO_ENDING, OTHERS = "without an ending", "others"
SHOWN = 12  # kinds
KINDS = 500  # more endings than these are no endings
ENDING = re.compile(r"\.\w{1,12}", re.ASCII)
Identity = tuple[int, int]
Above = tuple["Above", Identity] | None  # the folders on the way to one


@dataclass(frozen=True)
class Listing:
    """One folder, and what is in it that is not hidden."""

    place: str
    names: list[str]  # of files, sorted
    below: list[str]  # of folders, sorted
    dangling: set[str] = field(default_factory=set)  # files that are links to nothing
    links: set[str] = field(default_factory=set)  # folders that are links


class InputFolder:
    def __init__(self, top: str | Path) -> None:
        self.left_out: Counter[str] = Counter()
        self._top = str(top)
        self._real_top = os.path.realpath(top)
        self._linked: set[Identity] = set()  # folders that were reached by a link

    def folders(self) -> Iterator[Listing]:
        """Every folder: one before those below it, which are sorted."""
        waiting: list[tuple[str, bool, Above]] = [(self._top, False, None)]
        while waiting:
            folder, by_link, above = waiting.pop()
            identity = _identity(folder)
            if _is_among(identity, above) or (by_link and identity in self._linked):
                self.left_out[LINKS] += 1
                continue
            if by_link:
                self._linked.add(identity)
            found = self._listed(folder)
            made = _made_by_us(found) if above else None
            if made:
                self.left_out[made] += 1
                continue
            yield found
            for name in reversed(found.below):
                path, is_link = os.path.join(folder, name), name in found.links
                if is_link and self._is_read_anyhow(path):
                    self.left_out[LINKS] += 1
                else:
                    waiting.append((path, by_link or is_link, (above, identity)))

    def inside(self, place: str) -> str:
        """What stands before a file's name, seen from the top."""
        return "" if place == self._top else os.path.relpath(place, self._top) + "/"

    def leave_out(self, name: str) -> None:
        """Count a file that is not read, by its ending."""
        ending = os.path.splitext(name)[1].lower()
        kind = ending if ENDING.fullmatch(ending) else OTHERS if ending else NO_ENDING
        self.left_out[kind if kind in self.left_out or len(self.left_out) < KINDS else OTHERS] += 1

    def left_out_folders(self) -> Counter[str]:
        """For whom files of other kinds beside his own are no surprise."""
        return Counter({kind: self.left_out[kind] for kind in (RUNS, EXPORTS, LINKS) if self.left_out[kind]})

    def _listed(self, folder: str) -> Listing:
        names, below, dangling, links = list[str](), list[str](), set[str](), set[str]()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        self.left_out[HIDDEN] += 1
                    elif _is_folder(entry):
                        below.append(entry.name)
                        links.update([entry.name] if entry.is_symlink() else [])
                    else:
                        names.append(entry.name)
                        dangling.update([entry.name] if _is_dangling(entry) else [])
        except OSError as error:
            # Else its files would be missing without a word.
            raise UserError(f"{error.filename}: {error.strerror}. Mend it, or move the folder elsewhere") from None
        return Listing(folder, sorted(names), sorted(below), dangling, links)

    def _is_read_anyhow(self, link: str) -> bool:
        """The folder that it leads to has a place of its own below the top (or is the top)."""
        inside = os.path.relpath(os.path.realpath(link), self._real_top)
        parts = [] if inside == os.curdir else inside.split(os.sep)
        if any(part.startswith(".") for part in parts):  # '..' leads out of it, and hidden ones are not read
            return False
        folders = [os.path.join(self._real_top, *parts[:n]) for n in range(1, len(parts) + 1)]
        return not any(is_run(folder) for folder in folders)


def marks_of(top: Path) -> dict[str, Any]:
    """A fingerprint: every file's name and time; as long as one listing of the folder takes, and no longer."""
    number, digest = 0, hashlib.blake2b(digest_size=16)
    for at in InputFolder(top).folders():
        inside = os.path.relpath(at.place, top)
        for name in at.names:
            number += 1
            digest.update(os.fsencode(f"{inside}/{name}") + b"\0%d %d\n" % _marks(f"{at.place}/{name}"))
    return {"path": str(top.resolve()), "files": number, "digest": digest.hexdigest()}


def _marks(path: str) -> tuple[int, int]:
    """Of a file; of a link to nothing those of the link."""
    with suppress(OSError):
        status = os.stat(path)
        return status.st_size, status.st_mtime_ns
    with suppress(OSError):
        return 0, os.lstat(path).st_mtime_ns
    return 0, 0  # it has just gone


def told(left_out: Mapping[str, int]) -> str:
    """'.txt 12, videos 3, run folders 1', the most frequent first."""
    counts = sorted(left_out.items(), key=lambda kind: (-kind[1], kind[0]))
    shown, rest = counts[:SHOWN], sum(number for _, number in counts[SHOWN:])
    return ", ".join(f"{kind} {number}" for kind, number in [*shown, *([("others", rest)] if rest else [])])


def fitting(pattern: Path, top: Path) -> tuple[list[Path], Counter[str]]:
    """The files that a pattern stands for, `top` being the last folder that it names; and the folders left out."""
    if "**" not in pattern.parts:
        return _outside(top, sorted(Path(name) for name in glob.glob(str(pattern))))
    # Not by glob: it goes round every circle of links, in all the ways that there are.
    folder, open_parts = InputFolder(top), pattern.parts[len(top.parts) :]
    found = [
        Path(at.place, name)
        for at in folder.folders()
        for inside in [folder.inside(at.place).split("/")[:-1]]
        for name in at.names
        if _fits((*inside, name), open_parts)
    ]
    return sorted(found), folder.left_out_folders()


def _fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if not parts or not pattern:
        return not parts and all(part == "**" for part in pattern)
    if pattern[0] == "**":
        return _fits(parts, pattern[1:]) or _fits(parts[1:], pattern)
    return fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])


def _outside(top: Path, paths: list[Path]) -> tuple[list[Path], Counter[str]]:
    """Those of the paths that lie in no run and in no export below `top`."""

    @cache
    def barrier(folder: Path) -> Path | None:
        """The uppermost folder on the way to this one that is not entered."""
        if folder == top or folder == folder.parent:
            return None
        return barrier(folder.parent) or (folder if folder.is_dir() and _made_here(folder) else None)

    barriers = {path: barrier(path if path.is_dir() else path.parent) for path in paths}
    left_out = Counter(_made_here(folder) or RUNS for folder in {*barriers.values()} if folder is not None)
    return [path for path in paths if barriers[path] is None], left_out


def refuse_run(path: Path, what: str) -> None:
    """To read what a run has made as if it were new is hardly ever meant, and would grow with every start."""
    if is_run(path):
        raise UserError(
            f"source.path={path} is a run folder, and {what} would read what Labelyard has made there. To add to its "
            "records or redo some of them, say source=records; to read one folder of it, name that one"
        )


def _made_by_us(found: Listing) -> str | None:
    """What of ours is in a folder, by the names that are listed anyway."""
    if ("run.json" in found.names or "shards" in found.below) and is_run(found.place):
        return RUNS
    return EXPORTS if "export.jsonl" in found.names and is_export(found.place) else None


def _made_here(folder: Path) -> str | None:
    return RUNS if is_run(folder) else EXPORTS if is_export(folder) else None


def is_export(folder: str | Path) -> bool:
    try:
        with open(os.path.join(folder, "export.jsonl"), "rb") as file:
            return file.read(11) == b'{"export":"'
    except OSError:
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _is_dangling(entry: os.DirEntry[str]) -> bool:
    if not entry.is_symlink():
        return False
    try:
        entry.stat()  # known since it was asked whether it is a folder
    except OSError:
        return True
    return False


def _identity(folder: str) -> Identity:
    try:
        status = os.stat(folder)
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror}. Was it moved meanwhile? The same command looks anew") from None
    return status.st_dev, status.st_ino


def _is_among(identity: Identity, above: Above) -> bool:
    while above is not None:
        above, one = above
        if one == identity:
            return True
    return False
