"""Exporting a run: piece by piece, noted, and gone on with where it was stopped."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from labelyard.generate.exporter import Exporter, Labels, Part
from labelyard.generate.record_json.embeddings import planned_without_image
from labelyard.generate.record_json.finished import Finished, finished
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.settings import settings
from labelyard.utils.atomic import sweep, write_atomic, writer_is_gone
from labelyard.utils.errors import UserError
from labelyard.utils.jsons import dump
from labelyard.utils.only_one import only_one

NOTES = "export.jsonl"
LOCK = "export-lock.tmp"  # there while an export is at work
GONE = ".export-gone.jsonl"  # files of parts that are made anew; those that don't come again are removed at the end
Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Totals:
    parts: int
    written: int  # of the parts, now; the others were there
    records: int
    instances: int
    left_out: list[str]
    imageless: int  # records of texts and videos, which the format can't hold


def export(exporter: Exporter, name: str, run: RunFolder, dest: Path, tell: Tell) -> Totals:
    exporter.refuse(dest, run)
    planned = run.read_plan().items
    if exporter.needs_image and 0 < planned == planned_without_image(run):
        raise UserError(
            f"{run.path} is a run of texts or videos, and {name} is of images. Nothing was written. jsonl takes them"
        )
    busy = f"another export is at {dest}"
    if exporter.to_a_file:
        dest.parent.mkdir(parents=True, exist_ok=True)
        with only_one(dest.with_name(f".{dest.name[:80]}-{LOCK}"), busy):
            return _export_to_a_file(exporter, run, dest, tell, planned)
    if dest.exists() and not dest.is_dir():
        raise UserError(f"{dest} is a file; this format needs a folder")
    dest.mkdir(parents=True, exist_ok=True)
    lock = dest / f".{LOCK}"
    killed = lock.exists()  # who was at work here could not take it away
    with only_one(lock, busy):
        return _export_to_a_folder(exporter, name, run, dest, tell, planned, killed)


def _export_to_a_folder(
    exporter: Exporter, name: str, run: RunFolder, dest: Path, tell: Tell, planned: int, killed: bool
) -> Totals:
    options = settings(exporter, with_transient=False)
    usual = settings(type(exporter)(), with_transient=False)
    notes = Notes.open(dest, {"export": name, "options": options, "run": str(run.path)}, usual)
    for folder, _, _ in os.walk(dest) if killed else ():
        sweep(Path(folder), writer_is_gone)
    exporter.begin(dest, run)
    records, number, seen, written = Fitting(run, exporter), 0, 0, 0
    stream = iter(records)
    while piece := list(islice(stream, exporter.part_size())):
        digest = _digest(piece)
        if not notes.has(number, digest):
            _cut(exporter, notes, dest, number)
            labels = Labels(notes.labels)
            part = Part()
            exporter.write(dest, number, piece, part, labels)
            part.labels = labels.take_new()
            notes.add(digest, part)
            written += 1
        number, seen = number + 1, seen + len(piece)
        tell(seen, planned)
    _cut(exporter, notes, dest, number)
    exporter.end(dest, notes.parts, notes.labels)
    _remove_gone(exporter, dest, notes.parts)
    exporter.check(dest, notes.parts)
    return _totals(notes.parts, written, records)


def _cut(exporter: Exporter, notes: Notes, dest: Path, number: int) -> None:
    """This part was made of other records: it goes, and all that follow. What they made is noted before, since by
    other names it may come again."""
    files = [name for part in notes.parts[number:] for name in exporter.files_of(part)]
    if files:
        with (dest / GONE).open("ab") as file:
            file.write(dump(files))
            file.flush()
            os.fsync(file.fileno())
    notes.cut(number)


def _remove_gone(exporter: Exporter, dest: Path, parts: Sequence[Part]) -> None:
    if (dest / GONE).exists():
        gone = {name for files in _whole_lines(dest / GONE) for name in files}
        for part in parts:
            gone.difference_update(exporter.files_of(part))
        for name in gone:
            (dest / name).unlink(missing_ok=True)
        (dest / GONE).unlink()


def _export_to_a_file(exporter: Exporter, run: RunFolder, dest: Path, tell: Tell, planned: int) -> Totals:
    exporter.begin(dest, run)
    part, records = Part(), Fitting(run, exporter)

    def counted() -> Iterator[Finished]:
        for seen, record in enumerate(records, 1):
            tell(seen, planned)
            yield record

    exporter.write_all(dest, counted(), part)
    exporter.check(dest, [part])
    return _totals([part], 1, records)


class Fitting:
    """The finished records that the format can hold, and the number of the others."""

    def __init__(self, run: RunFolder, exporter: Exporter) -> None:
        self._run, self._exporter = run, exporter
        self.others = 0

    def __iter__(self) -> Iterator[Finished]:
        for record in finished(self._run):
            if self._exporter.needs_image and not record.item.image:
                self.others += 1
            else:
                yield record


def _totals(parts: Sequence[Part], written: int, records: Fitting) -> Totals:
    left_out = [text for part in parts for text in part.left_out]
    taken, instances = (sum(getattr(part, what) for part in parts) for what in ("records", "instances"))
    return Totals(len(parts), written, taken, instances, left_out, records.others)


def refuse_foreign(dest: Path) -> None:
    """What is hidden is nobody's: temporary files, a desktop's notes, the run that is exported."""
    if dest.is_dir() and not (dest / NOTES).exists() and any(entry.name[0] != "." for entry in dest.iterdir()):
        raise UserError(f"{dest} is not empty, and no export of ours. Give another destination")


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
    def open(cls, dest: Path, head: dict[str, Any], usual: Mapping[str, Any]) -> Notes:
        """`usual`: what options are that nobody has named, those that the format has only got since among them."""
        path = dest / NOTES
        if not path.exists():
            refuse_foreign(dest)
            write_atomic(path, dump(head))
        sweep(dest, writer_is_gone)
        lines = list(_whole_lines(path))
        if lines and isinstance(lines[0].get("options"), dict):
            lines[0]["options"] = {**usual, **lines[0]["options"]}
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
        """Whether this part is there, and made of these records."""
        return number < len(self._lines) and self._lines[number]["digest"] == digest

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


def _whole_lines(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        for line in file:
            try:
                yield json.loads(line)
            except ValueError:
                return
