"""Several exports as one to train on: a list of all their samples, which stay where they are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from labelyard.generate.exporters.instructcv import seeds
from labelyard.generate.exporters.instructcv.seeds import NOTES, SEEDS, Shown
from labelyard.launch.exporting import refuse_foreign
from labelyard.utils.atomic import write_atomic
from labelyard.utils.errors import UserError
from labelyard.utils.jsons import dump

POOL = "pool.json"  # in its folder: of what it is made


@dataclass(frozen=True)
class Pooled:
    samples: int
    images: int
    outside: int


def pool(exports: Sequence[Path], target: Path) -> Pooled:
    images: list[Shown] = []
    for export in exports:
        images += _of(export, target)
    if not (target / POOL).exists():
        refuse_foreign(target)
    listed, outside, _ = seeds.whole_images(sorted(images, key=lambda one: (one.place, one.image)))
    target.mkdir(parents=True, exist_ok=True)
    write_atomic(
        target / POOL, dump({"exports": [str(export.resolve()) for export in exports], "not_in_seeds": outside})
    )
    seeds.write(target / SEEDS, listed)
    return Pooled(len(listed), len(images), len(outside))


def _of(export: Path, target: Path) -> list[Shown]:
    """Its samples as seen from the target."""
    if not (export / SEEDS).is_file() or not (export / NOTES).is_dir():
        split = " (it is split into folders: pool those that are not)" if (export / NOTES).is_dir() else ""
        raise UserError(f"--pool {export}: no finished export instructcv{split}")
    way = os.path.relpath(export.resolve(), target.resolve())
    parts = sorted(int(path.stem) for path in (export / NOTES).glob("[0-9]*.jsonl"))
    return [
        Shown(f"{way}/{one.image}", one.place, "", tuple((f"{way}/{name}", seed) for name, seed in one.seeds))
        for one in seeds.merged(seeds.read(export, parts))
    ]
