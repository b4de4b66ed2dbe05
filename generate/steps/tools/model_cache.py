"""Where models lie on this machine, and whether they are all there; nothing is fetched here.

Hub models lie in the hub's own cache (HF_HOME, or `models.cache`), whose files are named after their checksums.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from labelyard.generate.checkpoint import Checkpoint
from labelyard.generate.errors import FatalError
from labelyard.generate.step import Step
from labelyard.generate.steps.tools.licences import licence_of
from labelyard.generate.steps.tools.parts import INDEX, files_of_parts, lacking_part, listed
from labelyard.generate.steps.tools.published import (
    cached_hub_file,
    cached_repository,
    find_checkpoint,
    find_list,
    hub_file,
)
from labelyard.generate.steps.tools.sizes import about
from labelyard.generate.steps.tools.weights import kind

WEIGHTS = (".safetensors", ".bin", ".pth", ".pt")


@dataclass(kw_only=True)
class Models:
    cache: str | None = None  # the folder of models, on a file system that all nodes share; null: HF_HOME


def use(models: Mapping[str, Any]) -> None:
    """Before the hub's library is imported: it looks at the environment only then."""
    if models["cache"]:
        os.environ["HF_HOME"] = str(Path(models["cache"]).expanduser().resolve())


def missing(steps: Mapping[str, Step]) -> list[str]:
    """What the steps need and this machine lacks, a line each."""
    return [f"{name}: {problem}" for name, step in steps.items() for problem in _problems(step)]


def _problems(step: Step) -> Iterator[str]:
    whole = True
    for checkpoint in step.checkpoints():
        problem = _problem(checkpoint)
        if problem:
            whole = False
            yield f"{checkpoint.location}: {problem}"
    for published in step.lists() if whole else ():
        try:
            find_list(published, None, _beside(step), published.name)
        except FatalError as error:
            yield str(error)


def _beside(step: Step) -> Path:
    """The step's checkpoint: lists may lie beside it."""
    first = step.checkpoints()[0]
    return find_checkpoint(first.location, first.revision)


def _problem(checkpoint: Checkpoint) -> str | None:
    location = checkpoint.location
    named = hub_file(location)
    if named:
        return None if cached_hub_file(*named, checkpoint.revision) else _not_fetched(checkpoint)
    if kind(location) == "hub":
        folder = snapshot(checkpoint)
        if folder is None:
            return _not_fetched(checkpoint)
        lacking = _lacking(folder, checkpoint)
        return f"only a part of it is in the hub's cache here; {lacking} is missing" if lacking else None
    path = Path(location).expanduser()
    if kind(location) == "file":
        return None if path.is_file() else f"there is no such file (looked in {Path.cwd()})"
    if not path.is_dir():
        return f"there is no such folder (looked in {Path.cwd()})"
    lacking = _lacking(path, checkpoint)
    return f"the folder is not a whole model: {lacking} is missing" if lacking else None


def _not_fetched(checkpoint: Checkpoint) -> str:
    size = about(checkpoint)
    return "not in the hub's cache here" + (f" ({size})" if size else "")


def snapshot(checkpoint: Checkpoint) -> Path | None:
    """The folder of a hub model in the cache, without asking the hub."""
    if kind(checkpoint.location) != "hub":
        return None
    if checkpoint.files:
        return cached_repository(checkpoint.location, checkpoint.revision)
    first = INDEX if checkpoint.parts else "config.json"
    config = cached_hub_file(checkpoint.location, first, checkpoint.revision)
    return config.parent if config else None


def _lacking(folder: Path, checkpoint: Checkpoint) -> str | None:
    """The first of the files it names that is not there, or else the first that a model's folder needs."""
    if checkpoint.parts:
        return lacking_part(folder, checkpoint.parts, incomplete)
    if not checkpoint.files:
        return incomplete(folder)
    return next((pattern for pattern in checkpoint.files if not files_of(folder, (pattern,))), None)


def files_of(folder: Path, patterns: tuple[str, ...]) -> list[Path]:
    """Those that the patterns mean, as the hub reads them: by their whole path, and a folder's with all in it."""
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if any(fnmatchcase(name, f"{pattern}*" if pattern.endswith("/") else pattern) for pattern in patterns):
            found.append(path)
    return found


def incomplete(folder: Path) -> str | None:
    """The first file that a model's folder lacks; weights may be spread over several, which an index lists."""
    names = {path.name for path in folder.iterdir() if path.exists()}
    indexes = sorted(name for name in names if name.endswith((".safetensors.index.json", ".bin.index.json")))
    for index in indexes:
        parts: set[str] = set(json.loads((folder / index).read_bytes())["weight_map"].values())
        if parts <= names:
            return None
        if index == indexes[-1]:
            return min(parts - names)
    if any(name.endswith(WEIGHTS) for name in names):
        return None
    return "any file of weights"


def facts(steps: Mapping[str, Step]) -> dict[str, list[dict[str, Any]]]:
    """For run.json: of every checkpoint its id, revision, and the checksum of each of its files."""
    return {name: [_facts(c) for c in step.checkpoints()] for name, step in steps.items() if step.checkpoints()}


def _facts(checkpoint: Checkpoint) -> dict[str, Any]:
    location = checkpoint.location
    found: dict[str, Any] = {"checkpoint": location}
    if hub_file(location) or kind(location) == "file":
        path = find_checkpoint(location, checkpoint.revision)
        files = [path]
    else:
        path = snapshot(checkpoint) or Path(location).expanduser()
        named = _named(path, checkpoint)
        files = [file for file in named if file.name.endswith((*WEIGHTS, "config.json"))]
    if "snapshots" in path.parts:
        found["revision"] = path.parts[path.parts.index("snapshots") + 1]
    if licence := licence_of(checkpoint):
        found["licence"] = str(licence)
    several = checkpoint.files or checkpoint.parts
    names = [file.relative_to(path).as_posix() if several else file.name for file in files]
    found["sha256"] = {name: sha256(file) for name, file in zip(names, files, strict=True)}
    return found


def _named(folder: Path, checkpoint: Checkpoint) -> list[Path]:
    if checkpoint.parts:
        names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
        return [folder / name for name in files_of_parts(names, listed(folder / INDEX), checkpoint.parts)]
    return files_of(folder, checkpoint.files) if checkpoint.files else sorted(folder.iterdir())


def sha256(file: Path) -> str:
    """The hub's cache names large files by it; others are read."""
    name = file.resolve().name
    if len(name) == 64 and file.is_symlink() and all(c in "0123456789abcdef" for c in name):
        return name
    with file.open("rb") as opened:
        return _digest(opened.fileno())


def _digest(descriptor: int) -> str:
    digest = hashlib.sha256()
    while block := os.read(descriptor, 1 << 22):
        digest.update(block)
    return digest.hexdigest()
