"""A chain as its yaml tells it: stages by name, the settings of each, and which stages each of them needs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from labelyard.launch.config.compose import CONF
from labelyard.utils.errors import UserError, nearest

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
RESERVED = ("chain",)  # the folder of the chain's own jobs
OF_A_STAGE = ("needs", "settings")


@dataclass(frozen=True)
class StageRecipe:
    name: str
    needs: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()  # as for run.py


@dataclass(frozen=True)
class Recipe:
    """The stages stand in an order in which they can be run."""

    name: str
    stages: tuple[StageRecipe, ...]

    @property
    def names(self) -> list[str]:
        return [stage.name for stage in self.stages]


def read_recipe(name: str, directory: str | None = None) -> Recipe:
    """The chain of that name from conf/chain/, or from a user's own folder, which counts more."""
    known = recipes(directory)
    if name not in known:
        likely = nearest(name, known)
        hint = f" Did you mean {likely}?" if likely else ""
        raise UserError(f"{name}: there is no such chain; there are {', '.join(known) or 'none'}.{hint}")
    path = known[name]
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {error}") from None
    try:
        return Recipe(name, in_order(_stages(found)))
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def recipes(directory: str | None = None) -> dict[str, Path]:
    if directory is not None and not Path(directory).is_dir():
        raise UserError(f"--config-dir {directory}: there is no such folder")
    folders = [CONF, Path(directory).resolve()] if directory else [CONF]
    return {path.stem: path for folder in folders for path in sorted((folder / "chain").glob("*.yaml"))}


def _stages(found: Any) -> list[StageRecipe]:
    stages = found.get("stages") if isinstance(found, Mapping) else None
    if not isinstance(stages, Mapping) or not stages:
        raise UserError("a chain has stages: and below it, by name, what each of them is")
    _refuse_unknown(found, ("stages",), "the chain")
    return [_stage(str(name), body or {}, [str(other) for other in stages]) for name, body in stages.items()]


def _stage(name: str, body: Any, names: Sequence[str]) -> StageRecipe:
    if not NAME.fullmatch(name) or name in RESERVED:
        raise UserError(f"'{name}' is no name for a stage: give letters, digits, _ and -, and not {RESERVED[0]}")
    if not isinstance(body, Mapping):
        raise UserError(f"stage {name} is {body!r:.60}; give it {' and '.join(OF_A_STAGE)}")
    _refuse_unknown(body, OF_A_STAGE, f"stage {name}")
    needs, settings = (_texts(body.get(key), f"stage {name}: {key}") for key in OF_A_STAGE)
    for need in needs:
        if need not in names:
            likely = nearest(need, names)
            hint = f" Did you mean {likely}?" if likely else ""
            raise UserError(f"stage {name} needs '{need}', and there is no such stage.{hint}")
    return StageRecipe(name, tuple(dict.fromkeys(needs)), tuple(settings))


def _texts(value: Any, place: str) -> list[str]:
    texts = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise UserError(f"{place} is {value!r:.80}; give a list of texts")
    return texts


def _refuse_unknown(found: Mapping[str, Any], known: Sequence[str], place: str) -> None:
    for key in found:
        if key not in known:
            likely = nearest(str(key), known)
            hint = f" Did you mean {likely}?" if likely else ""
            raise UserError(f"{place} has no '{key}'; it has {' and '.join(known)}.{hint}")


def in_order(stages: Sequence[StageRecipe]) -> tuple[StageRecipe, ...]:
    """Each behind those that it needs; else as they are given."""
    ordered: list[StageRecipe] = []
    left = list(stages)
    while left:
        there = {stage.name for stage in ordered}
        ready = next((stage for stage in left if there.issuperset(stage.needs)), None)
        if ready is None:
            raise UserError(f"stages that need each other: {', '.join(stage.name for stage in left)}")
        ordered.append(ready)
        left.remove(ready)
    return tuple(ordered)


def behind(recipe: Sequence[tuple[str, Sequence[str]]], names: Sequence[str]) -> list[str]:
    """These stages and all that need them, in order; `recipe`: names and needs, in order."""
    found = set(names)
    for name, needs in recipe:
        if found.intersection(needs):
            found.add(name)
    return [name for name, _ in recipe if name in found]
