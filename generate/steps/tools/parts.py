"""A checkpoint that is a folder of several models: which files of it are needed, and whether they are there.

`model_index.json` lists the models, as [package, class] by the name of each one's folder. Repositories hold more than
that: every model once more in other forms, and all of them together in one file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from labelyard.generate.checkpoint import Parts

INDEX = "model_index.json"
# Beside weights: settings, vocabularies, and how a text is put to them.
SMALL = (".json", ".txt", ".model", ".jinja")
WEIGHTS = (".safetensors", ".bin")  # the first form that a part has is taken
PIECE = re.compile(r"-\d+-of-\d+")


def listed(index: Path) -> tuple[str, ...]:
    """The folders of the models that an index lists; what it has left out is [null, null] there."""
    try:
        entries = json.loads(index.read_bytes())
    except (OSError, ValueError):
        return ()
    return tuple(
        name
        for name, made in (entries.items() if isinstance(entries, dict) else ())
        if isinstance(made, list) and len(made) == 2 and all(isinstance(word, str) for word in made)
    )


def files_of_parts(names: Iterable[str], folders: Sequence[str], parts: Parts) -> list[str]:
    """Of all the files there are, by their paths, those that the parts are loaded from."""
    found: list[str] = []
    for folder in folders:
        if folder in parts.without:
            continue
        inside = [name for name in names if name.startswith(f"{folder}/") and "/" not in name[len(folder) + 1 :]]
        found += [name for name in inside if name.endswith(SMALL)]
        found += _weights(inside, parts.variant)
    return found


def _weights(names: Sequence[str], variant: str | None) -> list[str]:
    for ending in WEIGHTS:
        there = [name for name in names if name.endswith(ending)]
        of_variant = [name for name in there if variant is not None and _variant(name) == variant]
        found = of_variant or [name for name in there if not _variant(name)]
        if found:
            return found
    return []


def _variant(name: str) -> str:
    """fp16 of model.fp16-00001-of-00002.safetensors; empty where the name says none."""
    stem = PIECE.sub("", Path(name).stem)
    return stem.partition(".")[2]


def lacking_part(folder: Path, parts: Parts, incomplete: Callable[[Path], str | None]) -> str | None:
    """The first file that is not there; `incomplete` says that of the folder of one model."""
    if not (folder / INDEX).is_file():
        return INDEX
    for name in listed(folder / INDEX):
        inside = folder / name
        if name in parts.without:
            continue
        if not inside.is_dir():
            return f"{name}/"
        lacking = incomplete(inside) if (inside / "config.json").is_file() else None
        if lacking:
            return f"{name}/{lacking}"
        if not any(path.suffix in SMALL for path in inside.iterdir()):
            return f"{name}/, which is empty, and its settings"
    return None
