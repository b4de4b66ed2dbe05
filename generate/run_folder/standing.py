"""How every planned item stands: done, quarantined or pending. The one answer to that question."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labelyard.generate.run_folder.journal import History, Outcome, read_history
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.manifest import kind_of_reason, read_manifest, read_sums
from labelyard.utils.text import one_line

Line = dict[str, Any]


@dataclass(frozen=True)
class Counts:
    """What a shard's items come to."""

    done: int
    quarantined: int
    instances: int
    gone: int = 0  # of the finished records; they are not among `done`
    reasons: Mapping[str, tuple[int, str]] = field(default_factory=dict)  # of every kind the number and an example

    @classmethod
    def of_sums(cls, sums: Line, gone: int = 0) -> Counts:
        reasons = {kind: (items, example) for kind, (items, example) in sums.get("reasons", {}).items()}
        return cls(sums["done"] - gone, sums["quarantined"], sums["instances"], gone, reasons)

    @classmethod
    def of_lines(cls, lines: Iterable[Line]) -> Counts:
        done = quarantined = instances = 0
        reasons: dict[str, tuple[int, str]] = {}
        for line in lines:
            done += line["status"] == "done"
            instances += line.get("instances", 0)
            if line["status"] == "quarantined":
                quarantined += 1
                kind = kind_of_reason(line["step"], line["reason"])
                number, example = reasons.get(kind) or (0, one_line(f"{line['image']}: {line['reason']}"))
                reasons[kind] = number + 1, example
        return cls(done, quarantined, instances, 0, reasons)


def counts_of_finished(folder: RunFolder, number: int) -> Counts | None:
    """As the first line of its manifest says; None if it has none, or a retry has taken it back."""
    try:
        return Counts.of_sums(read_sums(folder.manifest(number)))
    except FileNotFoundError:
        return None


class Standing:
    """One look at a run folder; workers and retries may go on meanwhile.

    A record counts only if it is there, all of it. Of finished shards, whose records were whole when the manifest was
    written, that is seen record by record (`check`), or where something came or went among them since: of ten million
    records two stats per shard then tell what was removed. What was cut short in its place, `check` alone finds.
    """

    def __init__(self, folder: RunFolder, check: bool = True) -> None:
        self.folder = folder
        self.check = check
        self.plan = folder.read_plan()
        self.shards = self.plan.shards
        # In this order: what is finished in between is then found in the journals.
        self.finished = folder.finished()
        self._journals = folder.journals_by_shard()

    def begun(self) -> list[int]:
        """Shards that somebody has worked on and nobody has finished."""
        return sorted(number for number in self._journals if number not in self.finished and number < self.shards)

    def touched(self) -> list[int]:
        """Shards that are finished or begun, in the order of the plan."""
        return sorted({*self.finished, *self.begun()})

    def everything(self) -> Iterator[tuple[int, Line]]:
        """Every item in the order of the plan."""
        for number in range(self.shards):
            for line in self.of(number):
                yield number, line

    def of(self, number: int) -> list[Line]:
        """Every item of one shard."""
        if number in self.finished:
            try:
                lines = list(read_manifest(self.folder.manifest(number)))[1:]
            except FileNotFoundError:  # taken back by a retry since the listing
                self._journals[number] = self.folder.journals_of(number)
            else:
                return lines if not self.check and self._is_untouched(number) else list(self._finished(number, lines))
        written = sizes(self.folder.records_of(number))
        return list(self._unfinished(number, read_history(self._journals.get(number, [])), written))

    def said(self, number: int) -> list[Line]:
        """The same as manifest and journals have it, whatever has become of the records since."""
        if number in self.finished:
            with suppress(FileNotFoundError):
                return list(read_manifest(self.folder.manifest(number)))[1:]
            self._journals[number] = self.folder.journals_of(number)
        return list(self._unfinished(number, read_history(self._journals.get(number, [])), None))

    def counts(self, number: int, said: bool = False) -> Counts:
        """One shard in numbers. Of a finished one the first line of the manifest is read, and no record is looked at
        by itself: `lost` tells how many are gone. `said`: whatever has become of the records since."""
        if number in self.finished:
            with suppress(FileNotFoundError):  # taken back by a retry since the listing
                sums = read_sums(self.folder.manifest(number))
                return Counts.of_sums(sums, 0 if said else self.lost(number, sums["done"]))
        return Counts.of_lines(self.said(number) if said else self.of(number))

    def done(self, number: int, said: bool = False) -> list[Line]:
        """The finished items of one shard."""
        lines = self.said(number) if said else self.of(number)
        return [line for line in lines if line["status"] == "done"]

    def quarantined(self, number: int) -> list[Line]:
        if number in self.finished and not self.counts(number, said=True).quarantined:
            return []  # known from the first line: of a huge run the others are not read
        return [line for line in self.said(number) if line["status"] == "quarantined"]

    def lost(self, number: int, done: int) -> int:
        """How many of a finished shard's records are seen to be gone, by two stats; only where something came to or
        went from its folder since the manifest, that is listed."""
        if self._is_untouched(number):
            return 0
        return max(0, done - len(self.folder.record_names(number)))

    def _is_untouched(self, number: int) -> bool:
        """Both times are of one file server; a worker writes the manifest after the last of the records."""
        try:
            written = self.folder.manifest(number).stat().st_mtime_ns
            return self.folder.records_of(number).stat().st_mtime_ns <= written
        except FileNotFoundError:
            return False

    def _finished(self, number: int, lines: list[Line]) -> Iterator[Line]:
        written = sizes(self.folder.records_of(number))
        images: dict[str, str] = {}
        for line in lines:
            if line["status"] == "done" and written.get(line["file"]) != line["bytes"]:
                images = images or {item.id: item.label for item in self.folder.items(number)}
                there = written.get(line["file"])
                damage = "it is gone" if there is None else f"it has {there} bytes of {line['bytes']}"
                yield {"id": line["id"], "image": images.get(line["id"], ""), "status": "pending", "damaged": damage}
            else:
                yield line

    def _unfinished(self, number: int, history: History, written: dict[str, int] | None) -> Iterator[Line]:
        """`written`: the sizes of the records, if only those that are there, all of them, count as done."""
        for item in self.folder.items(number):
            outcome = history.outcomes.get(item.id)
            line: Line = {"id": item.id, "image": item.label}
            done = outcome is not None and outcome.done
            if outcome is not None and done and (written is None or _is_there(outcome, written)):
                yield {**line, "status": "done", **outcome.facts}
            elif outcome is not None and not done:
                yield {**line, "status": "quarantined", **outcome.facts}
            else:
                yield {**line, "status": "pending", "starts": history.starts.get(item.id, 0)}


def _is_there(outcome: Outcome, written: dict[str, int]) -> bool:
    return bool(written.get(outcome.facts["file"]) == outcome.facts["bytes"])


def sizes(folder: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    found[entry.name] = entry.stat().st_size
    except FileNotFoundError:
        return found
    return found


def is_complete(folder: RunFolder) -> bool:
    """Every shard has its manifest: there is nothing left to load a model for."""
    plan = folder.read_plan()
    return plan.shards > 0 and len(folder.finished()) >= plan.shards
