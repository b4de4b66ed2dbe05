"""The run folder: where everything of a run lies, in plain files. Only this module, `claims` and `journal` know.

run.json                                what this run is; written once
plan.json                               how many items and shards were planned, and from what
refused.jsonl                           rows of the input that are no items, with place and reason, if there are any
shards/00042.jsonl                      a shard's items; never changed after planning
claims/00042                            who works on it now
journal/00042.<worker>.jsonl            what happened to its items
records/00042/label_<stem>-<id>.json    one finished record each
images/<name>/00042/<stem>-<id>.png     images that steps made (photos: .jpg)
clips/<name>/00042/<stem>-<id>.mp4      videos that steps made
done/00042.jsonl                        the shard's manifest; its existence means 'finished'
workers/<worker>.json                   each worker's own word on how it is doing
logs/                                   one per worker
reserve/                                room for the train list on a full disk, until all is done (merging/reserve.py)
slurm/<submission>.json                 the jobs that were submitted to SLURM (see launch/slurm/jobs.py)
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelyard.generate.record import Item
from labelyard.generate.run_folder.plan import Pass, Plan
from labelyard.generate.run_folder.shard_lines import item_of
from labelyard.utils.atomic import (
    NOTHING,
    Held,
    is_temporary,
    sweep,
    sync_file_system,
    sync_folder,
    write_atomic,
    writer_is_gone,
)
from labelyard.utils.errors import UserError
from labelyard.utils.jsons import dump
from labelyard.utils.programs import call


@dataclass(frozen=True)
class RunFolder:
    path: Path

    @classmethod
    def open(cls, location: str | Path) -> RunFolder:
        """A run folder that is there."""
        folder = cls(Path(location).resolve())
        if not folder.run_json.exists():
            if folder.was_a_run():
                raise UserError(
                    f"{location} was a run, but its run.json is gone. Bring it back from a copy; or give the command "
                    "that made it with output=OTHER plan_only=true, and copy OTHER/run.json there"
                )
            if stages := stages_of(folder.path):
                named = ", ".join(os.path.join(location, stage) for stage in stages)
                raise UserError(f"{location} holds a chain. Give the run folder of one of its stages: {named}")
            there = "an empty folder" if folder.is_free() else "no run folder: it has no run.json"
            raise UserError(
                f"{location} is {there if folder.path.exists() else 'not there'}. "
                f"A run folder is what `{call('run')} … output=FOLDER` makes"
            )
        return folder

    def is_free(self) -> bool:
        """Nothing is in it, or nothing but what an unfinished start of ours left."""
        if not self.path.exists():
            return True
        names = [path.name for path in self.path.iterdir()] if self.path.is_dir() else [""]
        return all(name in FOLDERS or is_temporary(name) for name in names) and not self.was_a_run()

    def was_a_run(self) -> bool:
        """Workers have left something here. Without run.json nobody knows what it is, and nobody may add to it."""
        left = (self.journals, self.done, self.path / "records")
        return (self.path / "shards").is_dir() and any(path.is_dir() and _names(path) for path in left)

    def make(self) -> None:
        refuse_line_break(self.path)
        for name in FOLDERS:
            (self.path / name).mkdir(parents=True, exist_ok=True)

    def write_run(self, run: dict[str, Any]) -> None:
        write_atomic(self.run_json, dump(run, indent=2))

    @property
    def run_json(self) -> Path:
        return self.path / "run.json"

    @property
    def plan_json(self) -> Path:
        return self.path / "plan.json"

    @property
    def refused(self) -> Path:
        return self.path / "refused.jsonl"

    @property
    def claims(self) -> Path:
        return self.path / "claims"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def workers(self) -> Path:
        return self.path / "workers"

    @property
    def journals(self) -> Path:
        return self.path / "journal"

    @property
    def done(self) -> Path:
        return self.path / "done"

    def shard(self, number: int) -> Path:
        return self.path / "shards" / f"{number:05d}.jsonl"

    def claim(self, number: int) -> Path:
        return self.claims / f"{number:05d}"

    @property
    def claim_of_planning(self) -> Path:
        return self.claims / "plan"

    def journal(self, number: int, worker: str) -> Path:
        return self.journals / f"{number:05d}.{worker}.jsonl"

    def manifest(self, number: int) -> Path:
        return self.done / f"{number:05d}.jsonl"

    def records_of(self, number: int) -> Path:
        return self.path / "records" / f"{number:05d}"

    def record(self, number: int, item: Item) -> Path:
        return self.records_of(number) / f"label_{item.name}.json"

    def image(self, name: str, number: int, item: Item, ending: str = "png") -> Path:
        return self.path / "images" / name / f"{number:05d}" / f"{item.name}.{ending}"

    def clip(self, name: str, number: int, item: Item, ending: str) -> Path:
        return self.path / "clips" / name / f"{number:05d}" / f"{item.name}.{ending}"

    def read_run(self) -> dict[str, Any]:
        return _read_json(self.run_json)

    def read_plan(self) -> Plan:
        """What is planned so far; nothing yet if no planning has come to its end."""
        if not self.plan_json.exists():
            return Plan()
        found = _read_json(self.plan_json)
        return Plan(tuple(Pass(**entry) for entry in found["passes"]))

    def write_plan(self, plan: Plan) -> None:
        passes = [vars(entry) for entry in plan.passes]
        body = {"items": plan.items, "shards": plan.shards, "passes": passes}
        sync_folder(self.path / "shards")  # once for all: they begin to count now
        write_atomic(self.plan_json, dump(body, indent=2))

    def write_shard(self, number: int, items: list[Item]) -> None:
        self.write_lines(number, b"".join(dump(item.to_json()) for item in items))

    def write_lines(self, number: int, lines: bytes, sync: bool = True, naming: Held = NOTHING) -> None:
        write_atomic(self.shard(number), lines, sync, sync_name=False, naming=naming)

    def sync_shards(self) -> None:
        """Those that were written without."""
        sync_file_system(self.path / "shards")

    def items(self, number: int) -> Iterator[Item]:
        path = self.shard(number)
        lines = path.read_bytes().split(b"\n")
        if not lines[-1]:
            lines.pop()
        for place, line in enumerate(lines, 1):
            try:
                yield item_of(line)
            except (ValueError, KeyError, TypeError) as error:
                raise UserError(
                    f"{path}, line {place}, is damaged ({error}). Nothing of Labelyard changes a shard once it is "
                    "planned: bring it back from a copy, or begin anew with another output"
                ) from None

    def digests(self, number: int) -> bytes:
        """The ids alone, as bytes, read off their fixed place in the line: ten million are too many to parse."""
        with self.shard(number).open("rb") as file:
            return bytes.fromhex(b"".join([line[7:23] for line in file]).decode("ascii"))

    def has_records(self) -> bool:
        """Whether any item of the run has gone well so far."""
        return next((self.path / "records").glob("*/label_*.json"), None) is not None

    def finished(self) -> set[int]:
        """The shards that have a manifest, by one listing of one folder."""
        return {int(name[:-6]) for name in _names(self.done) if name.endswith(".jsonl") and not name.startswith(".")}

    def sweep(self) -> None:
        """Remove what killed writers left in the folders that are not of one shard."""
        self.sweep_small()
        starts = (self.path / "hydra").glob("*")
        for folder in (self.done, self.journals, self.path / "shards", *starts):
            sweep(folder, writer_is_gone)

    def sweep_small(self) -> None:
        """The same, without the folders that have a file for every shard: what each of many workers can afford."""
        for folder in (self.path, self.claims, self.workers):
            sweep(folder, writer_is_gone)

    def open_shard(self, number: int) -> bool:
        """Make the folder of its records; True if it was not there: then nobody has opened this shard before."""
        return self.make_folder(self.records_of(number))

    def make_folder(self, folder: Path) -> bool:
        """A folder in it, with those above; True if it was not there.

        The run folder itself is made by `make` alone: one that was moved away under its workers must not appear anew at
        its old place, with what they had in hand.
        """
        parts = folder.relative_to(self.path).parts
        try:
            folder.mkdir()
        except FileExistsError:
            return False
        except FileNotFoundError:
            if len(parts) == 1:
                raise
            self.make_folder(folder.parent)
            return self.make_folder(folder)
        return True

    def sweep_shard(self, number: int) -> None:
        """Remove what killed writers of this machine left among the shard's records and images."""
        for folder in self._places_of(number):
            sweep(folder, writer_is_gone)

    def settle_shard(self, number: int) -> None:
        """All its records and images are made. Whatever temporary files are left are killed writers', since of another
        host's processes nobody here can tell otherwise; and the names last, before the manifest speaks of them."""
        for folder in self._places_of(number):
            sweep(folder, lambda path: True)
            with suppress(FileNotFoundError):  # taken away by hand; what lay in it shows as gone
                sync_folder(folder)

    def record_names(self, number: int) -> set[str]:
        return {name for name in _names(self.records_of(number)) if not name.startswith(".")}

    def _places_of(self, number: int) -> list[Path]:
        """The folders of the shard's records, and of the images and clips that belong to them."""
        made = (self.path / kind for kind in ("images", "clips"))
        of_steps = (kind / name / f"{number:05d}" for kind in made for name in sorted(_names(kind)))
        return [self.records_of(number), *(place for place in of_steps if place.is_dir())]

    def journals_of(self, number: int) -> list[Path]:
        return [self.journals / name for name in _journals(self.journals, f"{number:05d}.")]

    def journals_by_shard(self) -> dict[int, list[Path]]:
        """All journals, by one listing of one folder."""
        found: dict[int, list[Path]] = {}
        for name in _journals(self.journals):
            found.setdefault(int(name.partition(".")[0]), []).append(self.journals / name)
        return found


def _journals(folder: Path, start: str = "") -> list[str]:
    """Of a shard, or of all: tens of thousands lie in one folder."""
    return [name for name in _names(folder) if name.startswith(start) and name.endswith(".jsonl") and name[0] != "."]


def refuse_line_break(path: Path) -> None:
    if "\n" in str(path) or "\r" in str(path):
        raise UserError(f"{str(path)!r} has a line break in it; train.txt has one path per line. Give another output")


def is_run(folder: str | Path) -> bool:
    """Whether a run lies in this folder: by its folders, which are there before anything else and whatever else is
    lost, or by its run.json, where only a part of the run was copied."""
    if all(os.path.isdir(os.path.join(folder, name)) for name in ("shards", "claims", "journal", "done")):
        return True
    try:
        with open(os.path.join(folder, "run.json"), "rb") as file:
            run = json.load(file)
    except (OSError, ValueError):
        return False
    return isinstance(run, dict) and isinstance(run.get("made_by"), dict) and "labelyard" in run["made_by"]


CHAIN_JSON = "chain.json"  # of a folder that holds a run for each stage of a chain (launch/chains/folder.py)


def stages_of(folder: Path) -> list[str]:
    """The run folders of the chain that lies here, in order; none if none does."""
    try:
        found = json.loads((folder / CHAIN_JSON).read_bytes())
        return [str(stage["folder"]) for stage in found["stages"].values()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


FOLDERS = ("shards", "claims", "journal", "records", "images", "done", "workers", "logs", "hydra")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{path} is not there. Was the run folder moved or cleaned?") from None
    except ValueError as error:
        raise UserError(
            f"{path} is not whole JSON ({error}). It is written atomically: was it edited by hand?"
        ) from None
    return content


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []
