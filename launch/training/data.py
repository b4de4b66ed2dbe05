"""Whether what a trainer is to read is there, before a job waits a day for its turn."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

from labelyard.generate.exporter import Damage
from labelyard.generate.exporters.instructcv.names import ending_of
from labelyard.generate.exporters.instructcv.report import checked
from labelyard.generate.exporters.instructcv.seeds import SEEDS
from labelyard.launch.training.recipe import Recipe
from labelyard.utils.errors import UserError
from labelyard.utils.programs import call

LOOKED_AT = 20  # samples, from the beginning and from the end
# How a folder per subset is told to a loader that would cut its list itself.
WHOLE = {"train": "[1.0,0.0,0.0]", "validation": "[0.0,1.0,0.0]"}


def check(recipe: Recipe) -> None:
    data, repo = Path(recipe.data), Path(recipe.repo) if recipe.repo else None
    if not data.exists():
        raise UserError(f"data={recipe.data}: there is no such folder (looked in {Path.cwd()})")
    if recipe.reads == "pairs":
        for folder in folders(data).values():
            _check_pairs(folder)
    if recipe.reads == "parquet" and not any(data.glob("*.parquet")):
        raise UserError(
            f"data={recipe.data} holds no table. Make one: {call('export')} RUN instructcv {data} layout=parquet"
        )
    if recipe.entry is not None and repo is None:
        raise UserError(f"repo is not given: the folder of the trainer, with {recipe.entry} in it")
    if repo is not None and not (repo / (recipe.entry or "")).exists():
        raise UserError(
            f"repo={recipe.repo}: there is no {recipe.entry or 'such folder'} in it (looked in {Path.cwd()})"
        )


def folders(data: Path) -> dict[str, Path]:
    """For training and for validation: one whose list the loader cuts, or a folder each."""
    if (data / "train" / SEEDS).is_file():
        other = next((data / name for name in ("val", "validation", "test") if (data / name / SEEDS).is_file()), None)
        return {"train": data / "train", "validation": other or data / "train"}
    return {"train": data, "validation": data}


def paths(data: Path) -> list[str]:
    """As a list of settings with dots."""
    found: list[str] = []
    for subset, folder in folders(data).items():
        found.append(f"data.params.{subset}.params.path={folder.resolve()}")
        if folder != data:
            found.append(f"data.params.{subset}.params.splits={WHOLE[subset]}")
    return found


def _check_pairs(folder: Path) -> None:
    path = folder / SEEDS
    if not path.is_file():
        raise UserError(f"{folder} has no {SEEDS}. Make it: {call('export')} RUN instructcv {folder} tasks=det,seg")
    try:
        listed = json.loads(path.read_bytes())
        for name, (seed, *_) in [*islice(listed, LOOKED_AT), *listed[-LOOKED_AT:]]:
            checked(folder / name, seed, ending_of(seed))
    except (ValueError, TypeError, Damage) as error:
        raise UserError(f"{path} does not read back: {error}") from None
    if not listed:
        raise UserError(f"{path} names no sample")
