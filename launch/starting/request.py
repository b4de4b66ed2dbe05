"""What one command asks for, checked before anything is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from labelyard.generate.pipeline import Pipeline, build_steps, check_writes, needs
from labelyard.generate.settings import build, made
from labelyard.generate.source import Source
from labelyard.generate.step import Step
from labelyard.launch.clusters.base import Cluster
from labelyard.launch.config.asked import Asked
from labelyard.launch.config.compose import SECTIONS, Composed, plain
from labelyard.utils.errors import UserError


@dataclass(frozen=True)
class Wish:
    """What one command asks for."""

    location: str
    config: dict[str, Any]  # what workers need; frozen into run.json
    source: Source
    cluster: Cluster
    steps: dict[str, Step]
    limit: int | None
    shard_size: int | None
    rate: float | None
    dry_run: bool
    plan_only: bool


@dataclass(frozen=True)
class Frame:
    """What is asked for around the steps and the source, each known to be allowed."""

    values: dict[str, Any]
    asked: Asked
    cluster: Cluster


def framed(composed: Composed) -> Frame:
    values = plain(composed.config)
    asked: Asked = made(Asked, {f.name: values[f.name] for f in fields(Asked)})
    for section, kind in SECTIONS.items():
        made(kind, values[section], section)
    return Frame(values, asked, build(values["cluster"], "cluster"))


def wished(composed: Composed) -> Wish:
    frame = framed(composed)
    values, asked, cluster = frame.values, frame.asked, frame.cluster
    steps = chosen_steps(composed)
    source: Source = build(values["source"], "source")
    source.serve(needs(steps))
    config = {
        "image_root": source.image_root(),
        "source": _resolved(values["source"], source.path),
        "pipeline": {"steps": list(steps)},
        "steps": settled({name: values[name] for name in steps}, steps, cluster.gpus_of_a_worker()),
        "given": {name: list(fields) for name, fields in source.gives().items()},
        "load": values["load"],
        "write": values["write"],
        "work": values["work"],
        "models": values["models"],
    }
    return Wish(
        asked.output,
        config,
        source,
        cluster,
        steps,
        asked.limit,
        asked.shard_size,
        asked.rate,
        asked.dry_run,
        asked.plan_only,
    )


def settled(nodes: Mapping[str, Any], steps: Mapping[str, Step], gpus: int) -> dict[str, Any]:
    """The steps' settings, with what was left open decided, in the steps themselves too."""
    found = {}
    for name, step in steps.items():
        decided = step.settled(gpus)
        for key, value in decided.items():
            setattr(step, key, value)
        found[name] = {**nodes[name], **decided}
    return found


@dataclass(frozen=True)
class Brought:
    """What a source's items bring along."""

    gives: Mapping[str, Sequence[str]]
    brings: Sequence[str]


def chosen_steps(composed: Composed, brought: Brought | None = None) -> dict[str, Step]:
    """The pipeline's steps, in order; refused if they do not fit together. `brought`: where the source can't be asked
    yet."""
    values = OmegaConf.to_container(composed.config, resolve=True)
    assert isinstance(values, dict)
    nodes = {str(key): node for key, node in values.items() if _is_step(node) and key not in ("source", "cluster")}
    dropped = {override[1:].partition("=")[0] for override in composed.overrides if override.startswith("~")}
    names = [name for name in values["pipeline"]["steps"] if name not in dropped]
    known = values["source"].get("path") != "???"  # whoever only fetches models has none
    steps = build_steps(names, nodes)
    if brought is None and known:
        source: Source = build(values["source"], "source")
        brought = Brought(source.gives(), source.brings())
    if brought is not None:
        Pipeline(steps, given=brought.gives, brought=brought.brings)
    else:
        Pipeline(steps)
    check_writes(steps)
    _check_choices(composed, names)
    return steps


def _is_step(node: Any) -> bool:
    return isinstance(node, Mapping) and "_target_" in node


def _resolved(source: Mapping[str, Any], path: str) -> dict[str, Any]:
    """With the list's path absolute: the same list is the same from wherever the command is given."""
    return {**source, "path": str(Path(path).resolve()) if Path(path).exists() else path}


def _check_choices(composed: Composed, names: list[str]) -> None:
    """A step that was chosen on the command line and does not run would be a silent surprise."""
    for override in composed.overrides:
        key = override.partition("=")[0]
        if key in composed.kinds and key not in names:
            raise UserError(
                f"{override}: the pipeline does not run '{key}'. Add it: 'pipeline.steps=[{','.join([*names, key])}]'"
            )
