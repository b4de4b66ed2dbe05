"""What an exporter is: it turns finished records into another layout, one part after another.

A part is a fixed slice of the run's records. export.jsonl in the destination says which parts are written and from
what; stopped and started again, an export goes on behind the last, and a run that has grown adds to what is there.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from labelyard.generate.errors import ItemError
from labelyard.generate.media.load import Load, load
from labelyard.generate.record import Item
from labelyard.generate.record_json.finished import Finished, finished
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.settings import setting, settings
from labelyard.utils.atomic import is_temporary, sweep, write_atomic, writer_is_gone
from labelyard.utils.errors import UserError
from labelyard.utils.images import encode_jpeg
from labelyard.utils.jsons import dump
from labelyard.utils.only_one import only_one

NOTES = "export.jsonl"
LOCK = "export-lock.tmp"  # there while an export is at work
Tell = Callable[[int, int], None]


class Damage(Exception):
    """What was written does not read back as what was meant."""


@dataclass
class Part:
    """What a part became."""

    records: int = 0
    instances: int = 0
    left_out: list[str] = field(default_factory=list)  # records that could not be taken, and why
    labels: list[str] = field(default_factory=list)  # that no earlier part had
    facts: dict[str, Any] = field(default_factory=dict)  # whatever the exporter wants to know again


@dataclass(kw_only=True)
class Exporter:
    """The dataclass fields are its options; conf/export/<format>.yaml names the class."""

    to_a_file: ClassVar[bool] = False  # the destination is a file, not a folder
    size: ClassVar[int] = 256  # records of a part

    min_instances: int = setting(0, least=0)  # images with fewer are left out
    min_score: float = setting(0.0, least=0, most=1)  # instances below are left out, and not counted

    def part_size(self) -> int:
        return self.size

    def refuse(self, dest: Path, run: RunFolder) -> None:
        """Raise a UserError if it can't be done, before anything is written."""

    def begin(self, dest: Path, run: RunFolder) -> None:
        """Make the folders it needs."""

    def write(self, dest: Path, number: int, records: Sequence[Finished], part: Part, labels: Labels) -> None:
        """Write one part, all of it anew: a killed export may have left some of it. Add what was taken to `part`."""
        raise NotImplementedError

    def write_all(self, dest: Path, records: Iterator[Finished], part: Part) -> None:
        """Instead of parts, where the destination is a file."""
        raise NotImplementedError

    def end(self, dest: Path, parts: Sequence[Part], labels: Sequence[str]) -> None:
        """Write what stands over all parts."""

    def check(self, dest: Path, parts: Sequence[Part]) -> None:
        """Read back what was written with the format's own library; raise Damage where it is not what was meant."""

    def taken(self, records: Iterable[Finished], part: Part) -> Iterator[Finished]:
        """The records that the options let through; those that can't be read are said to be left out."""
        for record in records:
            try:
                number = len(record.instances(self.min_score))
            except (OSError, ValueError, KeyError, TypeError) as error:
                part.left_out.append(f"{record.path}: {type(error).__name__}: {error}")
                continue
            if number >= self.min_instances:
                part.records += 1
                part.instances += number
                yield record


class Labels:
    """Numbers for labels, in the order of their first appearance: so that a part never changes those before it."""

    def __init__(self, known: Sequence[str]) -> None:
        self._numbers = {label: number for number, label in enumerate(known)}
        self._new: list[str] = []

    def number(self, label: str) -> int:
        if label not in self._numbers:
            self._numbers[label] = len(self._numbers)
            self._new.append(label)
        return self._numbers[label]

    def take_new(self) -> list[str]:
        new, self._new = self._new, []
        return new


@dataclass(kw_only=True)
class Pictured(Exporter):
    """An exporter that says where things are in an image, and may put the image beside it."""

    pixels: str = "record"  # of the records' frame and images, or of the original ones
    images: bool = True  # write the images, too

    def __post_init__(self) -> None:
        if self.pixels not in ("record", "original"):
            raise UserError(f"pixels={self.pixels}: give record or original")

    @property
    def original(self) -> bool:
        return self.pixels == "original"

    def begin(self, dest: Path, run: RunFolder) -> None:
        self._root = run.read_run()["config"]["image_root"]

    def picture(self, record: Finished) -> bytes:
        """The image in whose pixels the instances are given."""
        return original_image(record.item, self._root) if self.original else record.image()

    def pictured(self, records: Iterable[Finished], part: Part) -> Iterator[tuple[Finished, bytes]]:
        """With the image, if images are wanted. One whose original can't be read any more is left out."""
        for record in records:
            try:
                yield record, self.picture(record) if self.images else b""
            except ItemError as error:
                part.records -= 1
                part.instances -= len(record.instances(self.min_score))
                part.left_out.append(f"{record.path}: {error.reason}")


def original_image(item: Item, root: str) -> bytes:
    """The file's own bytes, unless readers would see another picture in them than the boxes are meant for."""
    loaded = load(Item(item.id, item.index, item.image, item.caption, place=item.place), root, Load())
    return loaded.original_bytes or encode_jpeg(loaded.image, 95)


@dataclass(frozen=True)
class Totals:
    parts: int
    written: int  # of the parts, now; the others were there
    records: int
    instances: int
    left_out: list[str]


def export(exporter: Exporter, name: str, run: RunFolder, dest: Path, tell: Tell) -> Totals:
    exporter.refuse(dest, run)
    planned = run.read_plan().items
    busy = f"another export is at {dest}"
    if exporter.to_a_file:
        dest.parent.mkdir(parents=True, exist_ok=True)
        with only_one(dest.with_name(f".{dest.name[:80]}-{LOCK}"), busy):
            return _export_to_a_file(exporter, run, dest, tell, planned)
    if dest.exists() and not dest.is_dir():
        raise UserError(f"{dest} is a file; this format needs a folder")
    dest.mkdir(parents=True, exist_ok=True)
    with only_one(dest / f".{LOCK}", busy):
        return _export_to_a_folder(exporter, name, run, dest, tell, planned)


def _export_to_a_folder(exporter: Exporter, name: str, run: RunFolder, dest: Path, tell: Tell, planned: int) -> Totals:
    notes = Notes.open(dest, {"export": name, "options": settings(exporter), "run": str(run.path)})
    exporter.begin(dest, run)
    records, number, seen, written = finished(run), 0, 0, 0
    while piece := list(islice(records, exporter.part_size())):
        digest = _digest(piece)
        if not notes.has(number, digest):
            labels = Labels(notes.labels)
            part = Part()
            exporter.write(dest, number, piece, part, labels)
            part.labels = labels.take_new()
            notes.add(digest, part)
            written += 1
        number, seen = number + 1, seen + len(piece)
        tell(seen, planned)
    notes.cut(number)
    exporter.end(dest, notes.parts, notes.labels)
    exporter.check(dest, notes.parts)
    return _totals(notes.parts, written)


def _export_to_a_file(exporter: Exporter, run: RunFolder, dest: Path, tell: Tell, planned: int) -> Totals:
    exporter.begin(dest, run)
    part = Part()

    def counted() -> Iterator[Finished]:
        for seen, record in enumerate(finished(run), 1):
            tell(seen, planned)
            yield record

    exporter.write_all(dest, counted(), part)
    exporter.check(dest, [part])
    return _totals([part], 1)


def _totals(parts: Sequence[Part], written: int) -> Totals:
    left_out = [text for part in parts for text in part.left_out]
    return Totals(len(parts), written, sum(p.records for p in parts), sum(p.instances for p in parts), left_out)


def _digest(piece: Sequence[Finished]) -> str:
    """Equal as long as these records are the same files: their names hold the items' ids."""
    digest = hashlib.blake2b(digest_size=8)
    for record in piece:
        status = record.path.stat()
        digest.update(os.fsencode(record.path.name) + b"\0%d %d\n" % (status.st_size, status.st_mtime_ns))
    return digest.hexdigest()


class Notes:
    """export.jsonl: what is exported how, then one line per part. A torn last line is a part that was not finished."""

    def __init__(self, path: Path, lines: list[dict[str, Any]]) -> None:
        self._path = path
        self._head, self._lines = lines[0], lines[1:]

    @classmethod
    def open(cls, dest: Path, head: dict[str, Any]) -> Notes:
        path = dest / NOTES
        if not path.exists():
            if any(not is_temporary(entry.name) for entry in dest.iterdir()):
                raise UserError(f"{dest} is not empty, and no export of ours. Give another destination")
            write_atomic(path, dump(head))
        sweep(dest, writer_is_gone)
        lines = list(_whole_lines(path))
        if not lines or lines[0] != head:
            before = lines[0] if lines else {}
            flat = [{**h, **h.get("options", {})} for h in (before, head)]
            different = [
                f"  {key}: {flat[0].get(key)!r} there, {flat[1].get(key)!r} now"
                for key in {**flat[0], **flat[1]}
                if key != "options" and flat[0].get(key) != flat[1].get(key)
            ]
            raise UserError(
                f"{dest} holds another export:\n" + "\n".join(different) + "\nGive the same again to go on with it, "
                "or another destination"
            )
        notes = cls(path, lines)
        notes._rewrite()
        return notes

    @property
    def parts(self) -> list[Part]:
        names = ("records", "instances", "left_out", "labels", "facts")
        return [Part(**{name: line[name] for name in names}) for line in self._lines]

    @property
    def labels(self) -> list[str]:
        return [label for line in self._lines for label in line["labels"]]

    def has(self, number: int, digest: str) -> bool:
        """Whether this part is there. If it is there but was made of other records, it goes, and all that follow."""
        if number < len(self._lines) and self._lines[number]["digest"] == digest:
            return True
        self.cut(number)
        return False

    def cut(self, number: int) -> None:
        if number < len(self._lines):
            del self._lines[number:]
            self._rewrite()

    def add(self, digest: str, part: Part) -> None:
        line = {"digest": digest, **vars(part)}
        self._lines.append(line)
        with self._path.open("ab") as file:
            file.write(dump(line))
            file.flush()
            os.fsync(file.fileno())

    def _rewrite(self) -> None:
        write_atomic(self._path, b"".join(dump(line) for line in (self._head, *self._lines)))


def _whole_lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for line in file:
            try:
                yield json.loads(line)
            except ValueError:
                return
