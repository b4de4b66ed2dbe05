"""How another's trainer is started: its command, what it reads, and what SLURM is asked for. Recipes are yaml files of
conf/train/; nothing of a trainer is rewritten here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from labelyard.generate.settings import check, setting
from labelyard.launch.config.compose import CONF
from labelyard.launch.slurm.options import Options
from labelyard.utils.errors import UserError, nearest

PLACES = ("data", "repo", "name", "output", "gpus", "gpu_list", "paths")
# Of the cluster's settings, those that a single job has no use for.
UNUSED = ("num_jobs", "max_running", "successors", "wait", "merge", "gpus_per_worker", "tasks_per_node", "srun_args")


@dataclass(kw_only=True)
class Recipe:
    """`command` may have {data}, {repo}, {name}, {output}, {gpus}, {gpu_list} and {paths} in it."""

    command: str = "???"
    reads: str = setting("any", words=("pairs", "parquet", "any"))  # what data must be
    entry: str | None = None  # a file that must be in repo
    data: str = "???"
    repo: str | None = None  # the trainer's folder; the command is called in it
    name: str = "labelyard"
    output: str | None = None  # logs, and what the command puts there; null: runs/train-NAME
    arguments: str = ""  # behind the command
    print_only: bool = False
    cluster: Options = field(default_factory=Options)


def recipes(directory: str | None = None) -> dict[str, Path]:
    folders = [CONF, Path(directory)] if directory is not None else [CONF]
    return {path.stem: path for folder in folders for path in sorted(folder.glob("train/*.yaml"))}


def read(name: str, settings: Sequence[str], directory: str | None = None) -> Recipe:
    known = recipes(directory)
    if name not in known:
        likely = nearest(name, list(known))
        hint = f" Did you mean {likely}?" if likely else ""
        raise UserError(f"there is no recipe '{name}'. Recipes: {', '.join(known)}.{hint}")
    node = OmegaConf.merge(OmegaConf.structured(Recipe), OmegaConf.load(known[name]))
    for text in settings:
        key, equals, value = text.partition("=")
        _check_key(key, equals, text)
        try:
            OmegaConf.update(node, key, _parsed(value))
        except (OmegaConfBaseException, ValueError) as error:
            raise UserError(f"{text}: {str(error).splitlines()[0]}") from None
    values: Any = OmegaConf.to_container(node)
    for key in ("data", "command"):
        if values[key] == "???":
            raise UserError(f"{key} is not given. For example: {_example(key)}")
    check(Recipe, values)
    check(Options, values["cluster"], "cluster")
    unknown = [place for place in re.findall(r"\{(\w*)\}", values["command"]) if place not in PLACES]
    if unknown:
        known_places = ", ".join(f"{{{place}}}" for place in PLACES)
        raise UserError(f"command has {{{unknown[0]}}}, which stands for nothing; there are {known_places}")
    return Recipe(**{**values, "cluster": Options(**values["cluster"])})


def _check_key(key: str, equals: str, text: str) -> None:
    if not equals:
        raise UserError(f"{text}: settings are key=value")
    own = [f.name for f in fields(Recipe) if f.name != "cluster"]
    valid = [*own, *(f"cluster.{f.name}" for f in fields(Options) if f.name not in UNUSED)]
    if key not in valid:
        likely = nearest(key, valid)
        raise UserError(f"there is no setting '{key}'; " + (f"did you mean {likely}?" if likely else ", ".join(valid)))


def _parsed(value: str) -> Any:
    """Lists are lists; all else is taken as it is typed, and made what its setting is."""
    if value == "null":
        return None
    return OmegaConf.to_container(OmegaConf.create(value)) if value.startswith("[") else value


def _example(key: str) -> str:
    return "data=image_pairs" if key == "data" else "command='python train.py --data {data}'"
