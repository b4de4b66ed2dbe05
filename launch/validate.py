"""Check records against the schema (docs/schema.md).

    python launch/validate.py train-data                    a run, whole
    python launch/validate.py train-data --sample 1000      a thousand of its records
    python launch/validate.py train.txt one.json            a list, a file

A run folder is checked whole: that every record is there that its manifests and journals call done, what is in it, its
side images, that ids are unique, that every planned item is done, quarantined or pending, and that train.txt lists what
is done (records.txt, of texts and videos). A JSON file, a list of paths (train.txt) and a plain folder do too.

Exit code 0: nothing was found. 1: something was; each kind of finding is a line, with its number and an example.
"""

from __future__ import annotations

import json
import os
import random
import shlex
import sys
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1] / "src")

from labelyard.generate.media.inside_files import resolve
from labelyard.generate.record_json.body import is_of_no_image, newer
from labelyard.generate.record_json.check import record_problems, trainer_problems
from labelyard.generate.record_json.embeddings import has_embeddings, how_to_embed, lists, writes_images
from labelyard.generate.record_json.fields import LABEL_EMBEDDING
from labelyard.generate.rows import AT_ONCE
from labelyard.generate.run_folder.layout import RunFolder, stages_of
from labelyard.generate.run_folder.shard_lines import BYTES
from labelyard.generate.run_folder.standing import Standing
from labelyard.launch.exit_codes import DONE, FAILED
from labelyard.launch.merging.merge import CHECKED, records_of
from labelyard.launch.planning.seen_ids import Marks
from labelyard.launch.program import parser, program
from labelyard.launch.validating.findings import Findings
from labelyard.launch.watching.terminal import Gauge
from labelyard.utils.errors import UserError
from labelyard.utils.programs import call
from labelyard.utils.text import harmless

SHOWN = 100
LOST = "was finished"  # what is said of a record that is gone or torn begins so
KNOWN, SEEN = 1, 2  # marks of a path: a record of the run; met before


@program
def main(arguments: list[str] | None = None) -> int:
    asking = parser(__doc__)
    asking.add_argument("paths", type=Path, nargs="+", metavar="RUN_OR_FILE")
    asking.add_argument("--sample", type=int, help="check only so many records, picked at random")
    chosen = asking.parse_args(arguments)
    checked, findings, advice = 0, Findings(), dict[str, None]()
    try:
        for path in chosen.paths:
            check = Check(path, chosen.sample)
            for where, problem in check.problems():
                findings.add(where, problem)
            checked += check.checked
            advice.update(dict.fromkeys(check.advice))
    finally:  # what is known, also where it can't go on
        for line in (*findings.lines(SHOWN), *advice):
            print(harmless(line))
    print(f"{checked} records checked, {findings.number or 'no'} problems found")
    return FAILED if findings.number else DONE


Problem = tuple[str, str]  # where, and what


class Check:
    def __init__(self, path: Path, sample: int | None) -> None:
        self._path = path
        self._sample = sample
        self._ids = Marks()
        self._embedded = True  # whether records hold their images
        self.checked = 0
        self.advice: list[str] = []

    def problems(self) -> Iterator[Problem]:
        folder = RunFolder(self._path)
        if folder.run_json.exists() or folder.was_a_run() or stages_of(folder.path):
            yield from self._run(RunFolder.open(self._path))
        elif self._path.is_dir():
            yield from self._files(sorted(self._path.glob("*.json")))
        elif self._path.suffix == ".txt":
            yield from self._files([Path(line) for line in lines_of(self._path)])
        elif self._path.exists():
            yield from self._files([self._path])
        else:
            raise UserError(f"{self._path} is not there")

    def _run(self, folder: RunFolder) -> Iterator[Problem]:
        lost = unembedded = False
        self._embedded = writes_images(folder)
        embeds = has_embeddings(folder)
        for where, problem in chain(plan_problems(folder), self._records(folder)):
            lost = lost or problem.startswith(LOST)
            if not embeds and f"{LABEL_EMBEDDING} is absent" in problem:
                unembedded = True  # as was asked of it: no fault of its records
                continue
            yield where, problem
        if lost:
            retry = f"{call('retry')} {shlex.quote(str(folder.path))} --damaged"
            self.advice.append(f"Have what is gone or torn made again: {retry}, then the same command as before")
        if unembedded:
            self.advice.append(
                f"No step of this run makes embeddings; InstanceDiffusion's trainer wants them. {how_to_embed(folder)}"
            )
        for train in (folder.path / name for name in lists(folder)):
            if train.exists():
                for problem in list_problems(folder, train, check=folder.read_plan().items <= CHECKED):
                    yield "", problem

    def _records(self, folder: RunFolder) -> Iterator[Problem]:
        if self._sample is None:
            yield from self._all(finished_records(folder), folder.read_plan().items, folder)
        else:
            from labelyard.launch.report.sample import sample

            chosen = sample(folder, self._sample, random.randrange(1 << 30)).chosen
            yield from self._all(((one.path, None) for one in chosen), len(chosen), folder)

    def _files(self, paths: list[Path]) -> Iterator[Problem]:
        if self._sample is not None and self._sample < len(paths):
            paths = random.sample(paths, self._sample)
        yield from self._all(((path, None) for path in paths), len(paths))

    def _all(
        self, records: Iterable[tuple[Path, int | None]], number: int, folder: RunFolder | None = None
    ) -> Iterator[Problem]:
        with Gauge("validating", number) as gauge:
            for path, size in records:
                self.checked += 1
                for problem in self._one(path, size, folder):
                    yield str(path), problem
                gauge.tell(self.checked)

    def _one(self, path: Path, size: int | None, folder: RunFolder | None) -> Iterator[str]:
        """`size`: what it had when it was finished, if that is known."""
        try:
            text = path.read_bytes()
            if size is not None and len(text) != size:
                yield f"{LOST}: it has {len(text)} bytes of {size}"
                return
            record = json.loads(text)
        except (FileNotFoundError, NotADirectoryError):
            yield f"{LOST}: it is gone" if folder is not None else "is not there"
            return
        except OSError as error:
            yield f"can't be read ({error.strerror})"
            return
        except (ValueError, RecursionError) as error:
            yield f"not whole JSON ({error})"
            return
        if not isinstance(record, dict):
            yield "not an object"
            return
        embedded = self._embedded and not (folder is not None and is_of_no_image(record))
        yield from record_problems(record, embedded) if "schema" in record else trainer_problems(record)
        own_id = str(record.get("id", path))
        if self._ids.mark(digest(own_id), SEEN) == bytes([SEEN]):
            yield f"has the id of another, {own_id}"
        if folder is not None:
            yield from self._beside("images", record.get("images", {}), folder)
            yield from self._beside("clips", newer(record, "clips"), folder)

    def _beside(self, kind: str, entries: object, folder: RunFolder) -> Iterator[str]:
        if not isinstance(entries, dict):
            yield f"{kind} is {entries!r:.40}, not an object"
            return
        root: str | None = folder.read_run().get("config", {}).get("image_root") if entries else None
        for name, entry in entries.items():
            made, given = (entry.get(key) if isinstance(entry, dict) else None for key in ("path", "file"))
            if isinstance(made, str):
                if not (folder.path / made).exists():
                    yield f"{kind}.{name} points to {made}, which is not there"
            elif not isinstance(given, str):
                yield f"{kind}.{name} is {entry!r:.40}, without a path"
            elif not resolve(given, root).exists():
                yield f"{kind}.{name} points to {given}, which is not there"


def finished_records(folder: RunFolder) -> Iterator[tuple[Path, int]]:
    """What manifests and journals call done, whether it is there or not, with the size that it had."""
    standing = Standing(folder)
    for shard in range(standing.shards):
        for line in standing.done(shard, said=True):
            yield folder.records_of(shard) / line["file"], line["bytes"]


def plan_problems(folder: RunFolder) -> Iterator[Problem]:
    """Whether the shards hold every planned item, and the manifests what the shards hold."""
    standing = Standing(folder)
    planned, held = standing.plan.items, 0
    for shard, size in enumerate(standing.plan.shard_sizes()):
        held += size
        try:
            ids = folder.digests(shard)
        except (FileNotFoundError, IsADirectoryError):
            yield str(folder.shard(shard)), "is gone, and with it which items it holds. Bring it back from a copy"
            continue
        except ValueError:
            yield str(folder.shard(shard)), "is damaged. Bring it back from a copy"
            continue
        if len(ids) // BYTES != size:
            yield str(folder.shard(shard)), f"holds {len(ids) // BYTES} items, and the plan has {size} there"
        elif shard in standing.finished and b"".join(bytes.fromhex(line["id"]) for line in standing.said(shard)) != ids:
            yield str(folder.manifest(shard)), "is not of its shard's items. Remove it and give the same command again"
    if held != planned:
        yield str(folder.plan_json), f"has {planned} items, and shards for {held} of them"


def list_problems(folder: RunFolder, train: Path, check: bool = False) -> Iterator[str]:
    """Whether the list has the run's finished records, or those that belong in a list of its name, each once. Of each
    path a few bytes are remembered."""
    marks, records, listed, twice, strangers = Marks(), 0, 0, 0, 0
    first = ""
    for paths in records_of(folder, train.name, check):
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
        yield f"{train}: {strangers} lines are not finished records of this run (or no more), the first is {first}"
    if listed < records:
        again = f"{call('jsons2txt')} {shlex.quote(str(folder.path))}"
        yield f"{train} lists {listed} of {records} records; merge again: {again}"


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
