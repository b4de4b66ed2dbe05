"""Check records against the schema (docs/schema.md).

    python launch/validate.py train-data                    a run, whole
    python launch/validate.py train-data --sample 1000      a thousand of its records
    python launch/validate.py train.txt one.json            a list, a file

A run folder is checked whole: every record that its manifests and journals call done, its side images, that ids are
unique, and that train.txt lists exactly these. A JSON file, a list of paths (train.txt) and a plain folder do too.

Exit code 0: nothing was found. 1: something was; the first hundred findings are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from generate.item_lines import BYTES
from generate.rows import AT_ONCE
from generate.run_folder import RunFolder
from generate.schema import record_problems, trainer_problems
from launch.gauge import Gauge
from launch.marks import Marks
from launch.merge import records_of
from launch.program import program
from utils.errors import UserError
from utils.text import harmless

SHOWN = 100
KNOWN, SEEN = 1, 2  # marks of a path: a record of the run; met before


@program
def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", type=Path, nargs="+", metavar="RUN_OR_FILE")
    parser.add_argument("--sample", type=int, help="check only so many records, picked at random")
    chosen = parser.parse_args(arguments)
    checked = found = 0
    for path in chosen.paths:
        check = Check(path, chosen.sample)
        for problem in check.problems():
            found += 1
            if found <= SHOWN:
                print(harmless(problem))
        checked += check.checked
    more = f" ({found - SHOWN} more than shown)" if found > SHOWN else ""
    print(f"{checked} records checked, {found or 'no'} problems found{more}")
    return 1 if found else 0


class Check:
    def __init__(self, path: Path, sample: int | None) -> None:
        self._path = path
        self._sample = sample
        self._ids = Marks()
        self.checked = 0

    def problems(self) -> Iterator[str]:
        folder = RunFolder(self._path)
        if folder.run_json.exists() or folder.was_a_run():
            yield from self._run(RunFolder.open(self._path))
        elif self._path.is_dir():
            yield from self._files(sorted(self._path.glob("*.json")))
        elif self._path.suffix == ".txt":
            yield from self._files([Path(line) for line in lines_of(self._path)])
        elif self._path.exists():
            yield from self._files([self._path])
        else:
            raise UserError(f"{self._path} is not there")

    def _run(self, folder: RunFolder) -> Iterator[str]:
        if self._sample is None:
            yield from self._all(map(Path, chain.from_iterable(records_of(folder))), folder.read_plan().items, folder)
        else:
            from launch.report.sample import sample

            chosen = sample(folder, self._sample, random.randrange(1 << 30)).chosen
            yield from self._all((one.path for one in chosen), len(chosen), folder)
        if (folder.path / "train.txt").exists():
            yield from list_problems(folder, folder.path / "train.txt")

    def _files(self, paths: list[Path]) -> Iterator[str]:
        if self._sample is not None and self._sample < len(paths):
            paths = random.sample(paths, self._sample)
        yield from self._all(paths, len(paths))

    def _all(self, paths: Iterable[Path], number: int, folder: RunFolder | None = None) -> Iterator[str]:
        with Gauge("validating", number) as gauge:
            for path in paths:
                self.checked += 1
                yield from self._one(path, folder)
                gauge.tell(self.checked)

    def _one(self, path: Path, folder: RunFolder | None) -> Iterator[str]:
        try:
            record = json.loads(path.read_bytes())
        except FileNotFoundError:
            yield f"{path}: is not there"
            return
        except OSError as error:
            yield f"{path}: can't be read ({error.strerror})"
            return
        except (ValueError, RecursionError) as error:
            yield f"{path}: not whole JSON ({error})"
            return
        if not isinstance(record, dict):
            yield f"{path}: not an object"
            return
        check = record_problems if "schema" in record else trainer_problems
        for problem in check(record):
            yield f"{path}: {problem}"
        own_id = str(record.get("id", path))
        if self._ids.mark(digest(own_id), SEEN) == bytes([SEEN]):
            yield f"{path}: has the id of another, {own_id}"
        if folder is not None:
            yield from self._images(path, record.get("images", {}), folder)

    def _images(self, path: Path, images: object, folder: RunFolder) -> Iterator[str]:
        if not isinstance(images, dict):
            yield f"{path}: images is {images!r:.40}, not an object"
            return
        for name, entry in images.items():
            place = entry.get("path") if isinstance(entry, dict) else None
            if not isinstance(place, str):
                yield f"{path}: images.{name} is {entry!r:.40}, without a path"
            elif not (folder.path / place).exists():
                yield f"{path}: images.{name} points to {place}, which is not there"


def list_problems(folder: RunFolder, train: Path) -> Iterator[str]:
    """Whether the list has the run's finished records, each once. Of each path a few bytes are remembered."""
    marks, records, listed, twice, strangers = Marks(), 0, 0, 0, 0
    first = ""
    for paths in records_of(folder):
        records += len(paths)
        marks.mark(b"".join(map(digest, paths)), KNOWN)
    for lines in grouped(lines_of(train)):
        listed += len(lines)
        marked = marks.mark(b"".join(map(digest, lines)), SEEN)
        if marked.count(KNOWN) == len(lines):
            continue
        for line, before in zip(lines, marked, strict=True):
            twice += bool(before & SEEN)
            strangers += not before & KNOWN
            first = first or ("" if before & KNOWN else line)
    if twice:
        yield f"{train}: {twice} lines stand in it twice"
    if strangers:
        yield f"{train}: {strangers} lines are not records of this run, the first is {first}"
    if listed < records:
        yield f"{train} lists {listed} of {records} records; merge again: python launch/jsons2txt.py {folder.path}"


def grouped(texts: Iterable[str]) -> Iterator[list[str]]:
    stream = iter(texts)
    while some := list(islice(stream, AT_ONCE)):
        yield some


def digest(text: str) -> bytes:
    return blake2b(os.fsencode(text), digest_size=BYTES).digest()


def lines_of(path: Path) -> Iterator[str]:
    """A list of paths. Only a line feed ends a line: names may hold what Unicode counts as line breaks too."""
    with path.open("rb") as file:
        for line in file:
            if line := line.removesuffix(b"\n"):
                yield os.fsdecode(line)


if __name__ == "__main__":
    sys.exit(main())
