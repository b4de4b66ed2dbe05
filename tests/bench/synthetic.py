"""Lists and run folders of any size, as the programs would have left them, without an image or a model."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from labelyard.generate.record import Item
from labelyard.generate.run_folder.journal import Journal, Outcome
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.manifest import write_manifest

WORDS = ("a", "two", "red", "old", "small", "dog", "child", "boat", "street", "table", "window", "with", "lake", "hill")
REASONS = ("no such file: {}", "not an image: {}", "too many pixels: {}")
FAILING = 100  # every how-many-th item is quarantined
WORKER = "synthetic-1-a"


def write_list(path: Path, items: int) -> None:
    """A JSON list of about 140 bytes per item."""
    with path.open("w") as file:
        file.write("[")
        for start in range(0, items, 10_000):
            rows = map(_row, range(start, min(items, start + 10_000)))
            file.write(("" if start == 0 else ",\n") + ",\n".join(rows))
        file.write("]\n")


def append(path: Path, items: int, first: int) -> None:
    """`items` more rows, behind those that are there."""
    with path.open("rb+") as file:
        file.seek(-2, 2)
        for start in range(first, first + items, 10_000):
            rows = map(_row, range(start, min(first + items, start + 10_000)))
            file.write((",\n" + ",\n".join(rows)).encode())
        file.write(b"]\n")
        file.truncate()


def _row(n: int) -> str:
    spread = n * 2654435761 % 2**32  # the same for the same n, and without a pattern
    caption = " ".join(WORDS[(spread >> shift) % len(WORDS)] for shift in (0, 4, 8, 12, 16, 20, 24))
    return f'{{"image": "/datasets/images/part-{n // 10_000:05d}/{spread:08x}{n:09d}.jpg", "caption": "{caption} {n}"}}'


def finish(folder: RunFolder, shards: Iterator[int]) -> None:
    """The shards' manifests, and of each journal what is read of it later. The records' folders are there, and empty:
    a million of them would fill a small disk."""
    for number in shards:
        items = list(folder.items(number))
        outcomes = {item.id: _outcome(item) for item in items}
        folder.record(number, items[0]).parent.mkdir(parents=True, exist_ok=True)
        journal = Journal(folder.journal(number, WORKER))
        journal.write("started", ids=[item.id for item in items[:16]])
        journal.write("spent", seconds={"wait for images": 1.5, "segment": 60.0, "caption": 90.25})
        journal.close()
        write_manifest(folder, number, items, outcomes, WORKER)


def begin(folder: RunFolder, shards: Iterator[int]) -> None:
    """Half of each shard's items are done, and their records are there, a few bytes each; then the worker vanished."""
    for number in shards:
        items = list(folder.items(number))
        folder.record(number, items[0]).parent.mkdir(parents=True, exist_ok=True)
        journal = Journal(folder.journal(number, WORKER))
        journal.write("started", ids=[item.id for item in items])
        for item in islice(items, len(items) // 2):
            path = folder.record(number, item)
            path.write_bytes(b"{}\n")
            journal.outcome(Outcome(item.id, "done", {"file": path.name, "bytes": 3, "instances": 0}))
        journal.write("stopping")
        journal.close()


def scattered(numbers: int, share: float, seed: int = 0) -> list[int]:
    return sorted(random.Random(seed).sample(range(numbers), round(share * numbers)))


def _outcome(item: Item) -> Outcome:
    if item.index % FAILING == FAILING - 1:
        reason = REASONS[item.index // FAILING % len(REASONS)].format(item.image)
        return Outcome(item.id, "quarantined", {"reason": reason, "step": "load", "attempts": 1})
    facts = {"file": f"label_{item.name}.json", "bytes": 180_000 + item.index % 50_000, "instances": item.index % 12}
    return Outcome(item.id, "done", facts)
