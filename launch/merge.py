"""Finished records to one train list, and an account of what is not in it. Runs at any time, any number of times."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from generate.run_folder import RunFolder, refuse_line_break
from generate.shard import read_record
from launch.standing import Standing, kind_of_reason
from utils.atomic import replacing
from utils.jsons import dump
from utils.text import one_line


@dataclass
class Merged:
    """What was merged. `reasons` holds, for every kind of failure, its number and one example."""

    train: Path
    items: int = 0
    done: int = 0
    quarantined: int = 0
    damaged: int = 0  # records of finished shards that are gone or torn; they count as missing
    instances: int = 0
    bytes: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    @property
    def missing(self) -> int:
        return self.items - self.done - self.quarantined

    @property
    def complete(self) -> bool:
        """Every planned item stands in the train list."""
        return self.done == self.items


def merge(folder: RunFolder, train: Path | None = None) -> Merged:
    """Write train.txt, and missing.jsonl, quarantine.jsonl and stats.json beside it, each whole or not at all."""
    train = (train or folder.path / "train.txt").resolve()
    refuse_line_break(folder.path)
    merged = Merged(train)
    records = folder.path / "records"
    failures: dict[str, list[bytes]] = {}
    with ExitStack() as stack:
        listed, missing, quarantined, stats = (
            stack.enter_context(replacing(train.with_name(name)))
            for name in (train.name, "missing.jsonl", "quarantine.jsonl", "stats.json")
        )
        for shard, line in Standing(folder).everything():
            merged.items += 1
            if line["status"] == "done":
                merged.done += 1
                merged.instances += line["instances"]
                merged.bytes += line["bytes"]
                listed.write(os.fsencode(f"{records}/{shard:05d}/{line['file']}\n"))
            elif line["status"] == "quarantined":
                merged.quarantined += 1
                kind = kind_of_reason(line["step"], line["reason"])
                merged.reasons[kind] += 1
                merged.examples.setdefault(kind, one_line(f"{line['image']}: {line['reason']}"))
                entry = {key: line[key] for key in ("id", "image", "step", "reason", "attempts")}
                failures.setdefault(kind, []).append(dump({**entry, "shard": shard}))
            else:
                merged.damaged += "damaged" in line
                missing.write(dump({**line, "shard": shard}))
        for kind, _ in merged.reasons.most_common():
            quarantined.writelines(failures[kind])
        stats.write(dump(stats_of(folder, merged), indent=2))
    return merged


def stats_of(folder: RunFolder, merged: Merged) -> dict[str, Any]:
    plan = folder.read_plan()
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "items": merged.items,
        "done": merged.done,
        "quarantined": merged.quarantined,
        "missing": merged.missing,
        "damaged": merged.damaged,
        "duplicates": plan.duplicates,
        "instances": merged.instances,
        "bytes": merged.bytes,
        "reasons": [
            {"reason": reason, "items": number, "example": merged.examples[reason]}
            for reason, number in merged.reasons.most_common()
        ],
    }


def records_of(folder: RunFolder) -> Iterator[Path]:
    """Every finished record, in the order of the plan."""
    for shard, line in Standing(folder).everything():
        if line["status"] == "done":
            yield folder.path / "records" / f"{shard:05d}" / line["file"]


def merge_plain_folder(folder: Path, train: Path) -> tuple[int, list[tuple[Path, str]]]:
    """The JSON files of a plain folder, such as the original script left behind: the whole ones are listed, sorted by
    name, and of the others is said what is wrong."""
    good, bad = 0, list[tuple[Path, str]]()
    with replacing(train) as listed:
        for path in sorted(path.resolve() for path in folder.glob("*.json")):
            problem = _what_is_wrong(path)
            if problem is None:
                good += 1
                listed.write(os.fsencode(path) + b"\n")
            else:
                bad.append((path, problem))
    return good, bad


def _what_is_wrong(path: Path) -> str | None:
    from generate.schema import trainer_problems

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
