"""Finished records to one train list, and an account of what is not in it. Runs at any time, any number of times.

Also at the same time: of several merges the one that looked last has the word (utils/latest.py).
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from labelyard.generate.exporters.common.list_place import refuse_others
from labelyard.generate.record_json.body import read_record
from labelyard.generate.record_json.embeddings import IN_THE_RECORD, OTHERS, lists, refuse_without_images
from labelyard.generate.run_folder.layout import RunFolder, refuse_line_break
from labelyard.generate.run_folder.manifest import kind_of_reason
from labelyard.generate.run_folder.standing import Line, Standing
from labelyard.launch.merging import reserve
from labelyard.launch.merging.by_reason import ByReason
from labelyard.launch.watching.terminal import Gauge
from labelyard.launch.watching.used import used_by
from labelyard.utils.errors import UserError
from labelyard.utils.jsons import dump
from labelyard.utils.latest import latest, until_latest
from labelyard.utils.text import one_line

BESIDE = ("stats.json", "quarantine.jsonl", "missing.jsonl")  # in the order in which they get their names
CHECKED = 100_000  # items of a run up to which every record is looked at; it takes a second, and longer over a network


@dataclass
class Merged:
    """What was merged. `reasons` holds, for every kind of failure, its number and one example."""

    train: Path  # or what is listed of a run without images
    others: Path | None = None  # the list of texts and videos beside images
    planned: int = 0
    items: int = 0  # that the shards hold: as many, unless somebody was at them
    done: int = 0
    listed_apart: int = 0  # of them, in `others`
    quarantined: int = 0
    damaged: int = 0  # records of finished shards that are gone or torn; they count as missing
    instances: int = 0
    bytes: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    @property
    def missing(self) -> int:
        return self.planned - self.done - self.quarantined

    @property
    def complete(self) -> bool:
        """Every planned item stands in a list."""
        return self.done == self.planned == self.items


def merge(folder: RunFolder, train: Path | None = None, check: bool | None = None) -> Merged:
    """Write train.txt, and missing.jsonl, quarantine.jsonl and stats.json beside it, each whole or not at all. Records
    without an image are none for the trainer; where a run has both they stand in records.txt.

    `check`: look at every record, even of finished shards; by default as long as the run is small enough.
    """
    if train is not None:
        refuse_without_images(folder, IN_THE_RECORD)
    train = (train or folder.path / lists(folder)[0]).resolve()
    refuse_line_break(folder.path)
    refuse_place(folder, train)
    if not train.is_relative_to(folder.path):
        train.parent.mkdir(parents=True, exist_ok=True)
    elif train.parent != folder.path:
        folder.make_folder(train.parent)
    check = folder.read_plan().items <= CHECKED if check is None else check
    try:
        merged = until_latest(lambda: _merge(folder, train, check))
    except OSError as error:
        if not (reserve.helps(error) and reserve.give(folder)):
            raise
        merged = until_latest(lambda: _merge(folder, train, check))
    if merged.complete:
        reserve.give(folder)
    with suppress(OSError):  # who merges may be somebody who may only read the run
        folder.sweep()
    return merged


def _merge(folder: RunFolder, train: Path, check: bool) -> Merged:
    merged = Merged(train, train.with_name(OTHERS) if len(lists(folder)) > 1 else None)
    with ExitStack() as stack:
        paths = [*(train.with_name(name) for name in BESIDE), *([merged.others] if merged.others else []), train]
        stats, quarantined, missing, *apart, listed = stack.enter_context(latest(*paths))
        failures = stack.enter_context(ByReason(train.parent))
        standing = Standing(folder, check)
        merged.planned = standing.plan.items
        gauge = stack.enter_context(Gauge("merging", standing.shards))
        for shard in range(standing.shards):
            lines = standing.of(shard)
            done = [line for line in lines if line["status"] == "done"]
            if apart and done:
                imageless = ids_without_image(folder, shard)
                others = [line for line in done if line["id"] in imageless]
                _list(apart[0], folder.records_of(shard), others)
                _list(listed, folder.records_of(shard), [line for line in done if line["id"] not in imageless])
                merged.listed_apart += len(others)
            else:
                _list(listed, folder.records_of(shard), done)
            merged.items += len(lines)
            merged.done += len(done)
            merged.instances += sum([line["instances"] for line in done])
            merged.bytes += sum([line["bytes"] for line in done])
            if len(done) < len(lines):
                _tell_apart(shard, lines, merged, missing, failures)
            gauge.tell(shard)
        quarantined.writelines(failures.lines())
        merged.reasons, merged.examples = failures.numbers, failures.examples
        stats.write(dump(stats_of(folder, merged), indent=2))
    return merged


def refuse_place(folder: RunFolder, train: Path) -> None:
    """Neither the list nor what is written beside it may take the place of anything but a list of this run."""
    named = lists(folder)
    beside = (*BESIDE, *named[1:])
    if train.name in beside:
        raise UserError(f"{train}: a file of this name is written beside the list. Give the list another name")
    if train == folder.path / named[0]:
        return
    refuse_others(train, folder.path)
    if train.parent == folder.path:
        return
    if RunFolder(train.parent).run_json.exists():
        raise UserError(f"{train.parent} is another run. Give the list of {folder.path} another place")
    there = [path for name in beside if (path := train.with_name(name)).exists()]
    if there and _whose(train.with_name("stats.json")) != str(folder.path):
        raise UserError(
            f"{there[0]} is there, and not of this run. {', '.join(beside)} are written beside the list: give it a "
            f"folder of its own, for example {train.parent / folder.path.name / train.name}"
        )


def _whose(stats: Path) -> str | None:
    try:
        found = json.loads(stats.read_bytes())
        return found.get("run") if isinstance(found, dict) else None
    except (OSError, ValueError):
        return None


def _list(listed: IO[bytes], place: Path, done: list[Line]) -> None:
    if done:
        start = f"{place}/"
        listed.write(os.fsencode(start + f"\n{start}".join([line["file"] for line in done]) + "\n"))


def _tell_apart(shard: int, lines: list[Line], merged: Merged, missing: IO[bytes], failures: ByReason) -> None:
    """What is not done: failed, or still to do."""
    for line in lines:
        if line["status"] == "quarantined":
            merged.quarantined += 1
            entry = {key: line[key] for key in ("id", "image", "step", "reason", "attempts")}
            example = one_line(f"{line['image']}: {line['reason']}")
            failures.add(kind_of_reason(line["step"], line["reason"]), dump({**entry, "shard": shard}), example)
        elif line["status"] != "done":
            merged.damaged += "damaged" in line
            missing.write(dump({**line, "shard": shard}))


def stats_of(folder: RunFolder, merged: Merged) -> dict[str, Any]:
    plan = folder.read_plan()
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "run": str(folder.path),
        "items": merged.planned,
        "done": merged.done,
        "quarantined": merged.quarantined,
        "missing": merged.missing,
        "damaged": merged.damaged,
        "duplicates": plan.duplicates,
        "instances": merged.instances,
        "bytes": merged.bytes,
        "used": used_by(folder),
        "reasons": [
            {"reason": reason, "items": number, "example": merged.examples[reason]}
            for reason, number in merged.reasons.most_common()
        ],
    }


def records_of(folder: RunFolder, name: str, check: bool = False) -> Iterator[list[str]]:
    """Every record that a merge would write into the list of this name, shard by shard in the order of the plan."""
    standing = Standing(folder, check)
    both = len(lists(folder)) > 1
    for shard in range(standing.shards):
        place, done = folder.records_of(shard), standing.done(shard)
        if both:
            imageless = ids_without_image(folder, shard)
            done = [line for line in done if (line["id"] in imageless) == (name == OTHERS)]
        yield [f"{place}/{line['file']}" for line in done]


def ids_without_image(folder: RunFolder, shard: int) -> set[str]:
    return {item.id for item in folder.items(shard) if not item.image}


def merge_plain_folder(folder: Path, train: Path) -> tuple[int, list[tuple[Path, str]]]:
    """The JSON files of a plain folder, such as the original script left behind: the whole ones are listed, sorted by
    name, and of the others is said what is wrong. Where none is whole, nothing is written."""
    refuse_others(train, folder)
    train.parent.mkdir(parents=True, exist_ok=True)
    good, bad = 0, list[tuple[Path, str]]()
    with suppress(_NoneIsGood), latest(train) as (listed,):
        for path in sorted(path.resolve() for path in folder.glob("*.json")):
            problem = _what_is_wrong(path)
            if problem is None:
                good += 1
                listed.write(os.fsencode(path) + b"\n")
            else:
                bad.append((path, problem))
        if not good:
            raise _NoneIsGood
    return good, bad


class _NoneIsGood(Exception):
    pass


def _what_is_wrong(path: Path) -> str | None:
    from labelyard.generate.record_json.check import trainer_problems

    if "\n" in str(path) or "\r" in str(path):
        return "a line break in its name, which no list of one path per line can hold"
    try:
        found = read_record(path)
    except OSError as error:
        return f"can't be read: {error.strerror}"
    if found is None:
        return "not whole JSON: the job was killed while it wrote it"
    problems = trainer_problems(found)
    return problems[0] if problems else None
