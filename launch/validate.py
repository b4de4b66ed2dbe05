"""Check records against the schema (docs/schema.md).

    python launch/validate.py RUN_OR_FILE [FILE …] [--sample N]

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
from collections.abc import Iterator
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from generate.run_folder import RunFolder
from generate.schema import record_problems, trainer_problems
from launch.merge import records_of
from utils.errors import UserError
from utils.text import harmless

SHOWN = 100


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", type=Path, nargs="+", metavar="RUN_OR_FILE")
    parser.add_argument("--sample", type=int, help="check only so many records, picked at random")
    chosen = parser.parse_args(arguments)
    checked = found = 0
    try:
        for path in chosen.paths:
            check = Check(path, chosen.sample)
            for problem in check.problems():
                found += 1
                if found <= SHOWN:
                    print(harmless(problem))
            checked += check.checked
    except UserError as error:
        print(f"validate: {error}", file=sys.stderr)
        return 1
    more = f" ({found - SHOWN} more than shown)" if found > SHOWN else ""
    print(f"{checked} records checked, {found or 'no'} problems found{more}")
    return 1 if found else 0


class Check:
    def __init__(self, path: Path, sample: int | None) -> None:
        self._path = path
        self._sample = sample
        self.checked = 0

    def problems(self) -> Iterator[str]:
        if (self._path / "run.json").exists():
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
        done = [str(path) for path in records_of(folder)]
        yield from self._files([Path(path) for path in done], folder)
        train = folder.path / "train.txt"
        if train.exists():
            listed = lines_of(train)
            if len(set(listed)) != len(listed):
                yield f"{train}: {len(listed) - len(set(listed))} lines stand in it twice"
            known = set(done)
            strangers = [line for line in listed if line not in known]
            if strangers:
                yield f"{train}: {len(strangers)} lines are not records of this run, the first is {strangers[0]}"
            if len(listed) < len(done):
                again = f"python launch/jsons2txt.py {folder.path}"
                yield f"{train} lists {len(listed)} of {len(done)} records; merge again: {again}"

    def _files(self, paths: list[Path], folder: RunFolder | None = None) -> Iterator[str]:
        if self._sample is not None and self._sample < len(paths):
            paths = random.sample(paths, self._sample)
        seen: dict[str, Path] = {}
        for path in paths:
            self.checked += 1
            try:
                record = json.loads(path.read_bytes())
            except FileNotFoundError:
                yield f"{path}: is not there"
                continue
            except OSError as error:
                yield f"{path}: can't be read ({error.strerror})"
                continue
            except (ValueError, RecursionError) as error:
                yield f"{path}: not whole JSON ({error})"
                continue
            if not isinstance(record, dict):
                yield f"{path}: not an object"
                continue
            check = record_problems if "schema" in record else trainer_problems
            for problem in check(record):
                yield f"{path}: {problem}"
            own_id = str(record.get("id", path))
            if own_id in seen:
                yield f"{path}: has the id of {seen[own_id]}"
            seen[own_id] = path
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


def lines_of(path: Path) -> list[str]:
    """A list of paths. Only a line feed ends a line: names may hold what Unicode counts as line breaks too."""
    return [os.fsdecode(line) for line in path.read_bytes().split(b"\n") if line]


if __name__ == "__main__":
    sys.exit(main())
