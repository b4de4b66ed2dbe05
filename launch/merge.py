"""Finished records to one train list, and an account of what is not in it. Runs at any time, any number of times."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from generate.journal import read_history, read_manifest
from generate.run_folder import RunFolder
from generate.shard import read_record
from utils.atomic import temporary_beside
from utils.text import one_line


@dataclass
class Merged:
    """What was merged. `reasons` holds, for every kind of failure, its number and one example."""

    train: Path
    items: int = 0
    done: int = 0
    quarantined: int = 0
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
    merged = Merged(train)
    records = folder.path / "records"
    with ExitStack() as stack:
        listed, missing, quarantined = (
            stack.enter_context(_replacing(path))
            for path in (train, train.with_name("missing.jsonl"), train.with_name("quarantine.jsonl"))
        )
        for shard, line in _outcomes(folder):
            merged.items += 1
            if line["status"] == "done":
                merged.done += 1
                merged.instances += line["instances"]
                merged.bytes += line["bytes"]
                listed.write(f"{records}/{shard:05d}/{line['file']}\n")
            elif line["status"] == "quarantined":
                merged.quarantined += 1
                kind = kind_of_reason(line["step"], line["reason"])
                merged.reasons[kind] += 1
                merged.examples.setdefault(kind, f"{line['image']}: {one_line(line['reason'])}")
                entry = {key: line[key] for key in ("id", "image", "step", "reason", "attempts")}
                quarantined.write(json.dumps({**entry, "shard": shard}, ensure_ascii=False) + "\n")
            else:
                missing.write(json.dumps({**line, "shard": shard}, ensure_ascii=False) + "\n")
        stats = _replacing(train.with_name("stats.json"))
        stack.enter_context(stats).write(json.dumps(stats_of(folder, merged), indent=2, ensure_ascii=False) + "\n")
    return merged


def stats_of(folder: RunFolder, merged: Merged) -> dict[str, Any]:
    plan = folder.read_plan()
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "items": merged.items,
        "done": merged.done,
        "quarantined": merged.quarantined,
        "missing": merged.missing,
        "duplicates": plan.duplicates,
        "instances": merged.instances,
        "bytes": merged.bytes,
        "reasons": [
            {"reason": reason, "items": number, "example": merged.examples[reason]}
            for reason, number in merged.reasons.most_common()
        ],
    }


def kind_of_reason(step: str, reason: str) -> str:
    """The part of a reason that many items share: the step, and the words before the particulars."""
    kind = reason.partition(":")[0]
    return f"{step}: {kind}" if step else kind


def _outcomes(folder: RunFolder) -> Iterator[tuple[int, dict[str, Any]]]:
    """Every planned item in the order of the plan, with how it stands."""
    finished = folder.finished()
    journals = folder.journals_by_shard()
    for shard in range(folder.read_plan().shards):
        if shard in finished:
            lines = read_manifest(folder.manifest(shard))
            next(lines)
        else:
            lines = _unfinished(folder, shard, journals.get(shard, []))
        for line in lines:
            yield shard, line


def records_of(folder: RunFolder) -> Iterator[Path]:
    """Every finished record, in the order of the plan."""
    for shard, line in _outcomes(folder):
        if line["status"] == "done":
            yield folder.path / "records" / f"{shard:05d}" / line["file"]


def _unfinished(folder: RunFolder, shard: int, journals: list[Path]) -> Iterator[dict[str, Any]]:
    """A shard without a manifest: what its journals say, held against what is on disk."""
    history = read_history(journals)
    written = _sizes(folder.path / "records" / f"{shard:05d}")
    for item in folder.items(shard):
        outcome = history.outcomes.get(item.id)
        line: dict[str, Any] = {"id": item.id, "image": item.image}
        name = folder.record(shard, item).name
        if outcome is not None and outcome.done and written.get(name) == outcome.facts["bytes"]:
            yield {**line, "status": "done", **outcome.facts}
        elif outcome is not None and not outcome.done:
            yield {**line, "status": "quarantined", **outcome.facts}
        else:
            yield {**line, "status": "pending", "starts": history.starts.get(item.id, 0)}


def _sizes(folder: Path) -> dict[str, int]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name: entry.stat().st_size for entry in entries if not entry.name.startswith(".")}
    except FileNotFoundError:
        return {}


class _replacing:
    """A text file that takes the place of `path` when the block ends well, and leaves no trace when it does not."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = temporary_beside(path)

    def __enter__(self) -> IO[str]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._temporary.open("x", encoding="utf-8", errors="surrogatepass")
        return self._file

    def __exit__(self, kind: object, *_: object) -> None:
        with self._file as file:
            if kind is None:
                file.flush()
                os.fsync(file.fileno())
        if kind is None:
            self._temporary.replace(self._path)
        else:
            self._temporary.unlink()


def merge_plain_folder(folder: Path, train: Path) -> tuple[int, list[tuple[Path, str]]]:
    """The JSON files of a plain folder, such as the original script left behind: the whole ones are listed, sorted by
    name, and of the others is said what is wrong."""
    good, bad = 0, list[tuple[Path, str]]()
    with _replacing(train) as listed:
        for path in sorted(path.resolve() for path in folder.glob("*.json")):
            problem = _what_is_wrong(path)
            if problem is None:
                good += 1
                listed.write(f"{path}\n")
            else:
                bad.append((path, problem))
    return good, bad


def _what_is_wrong(path: Path) -> str | None:
    from generate.schema import trainer_problems

    found = read_record(path)
    if found is None:
        return "not whole JSON: the job was killed while it wrote it"
    problems = trainer_problems(found)
    return problems[0] if problems else None
