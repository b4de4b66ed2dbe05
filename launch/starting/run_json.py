"""run.json: what a run is. It is frozen, so that no run folder ever holds data of two kinds; but the list may move."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from platform import python_version
from typing import Any

from labelyard.generate.media.load import Load
from labelyard.generate.record_json.encode import Write
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.settings import defaults, target, what_makes_the_data
from labelyard.generate.step import Step
from labelyard.generate.steps.tools.model_cache import facts
from labelyard.utils.errors import UserError

RECORDED = [
    "labelyard",
    "torch",
    "torchvision",
    "transformers",
    "numpy",
    "pillow",
    "pycocotools",
    "opencv-python-headless",
    "hydra-core",
    "submitit",
]

# Of `load`: what does not decide what comes out.
OF_THE_WORKER = ("threads", "urls")


def frozen(config: Mapping[str, Any], steps: Mapping[str, Step]) -> dict[str, Any]:
    """The content of run.json for this configuration."""
    digest = hashlib.sha256(json.dumps(data_config(config), sort_keys=True).encode()).hexdigest()[:16]
    return {
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "made_by": {"labelyard": installed("labelyard") or "source", "config": digest},
        "versions": {
            "python": python_version(),
            **{name: installed(name) for name in RECORDED if installed(name)},
        },
        "models": facts(steps),
        "config": dict(config),
    }


def data_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a configuration that decides what comes out."""
    return {
        "source": what_makes_the_data(config["source"]),
        "pipeline": config["pipeline"],
        "load": {k: v for k, v in {**defaults(fields(Load)), **config["load"]}.items() if k not in OF_THE_WORKER},
        "write": {**defaults(fields(Write)), **config["write"]},
        **{name: what_makes_the_data(node) for name, node in config["steps"].items()},
    }


def settle(folder: RunFolder, config: Mapping[str, Any], steps: Mapping[str, Step], location: str) -> None:
    """Write run.json, or see that the one that is there means the same data: then it learns where the list is now."""
    if folder.run_json.exists() and folder.plan_json.exists():
        compare(folder, config, location)
        _follow(folder, config)
    else:
        folder.write_run(frozen(config, steps))  # nothing was planned under an earlier one, if there was one


def compare(folder: RunFolder, config: Mapping[str, Any], location: str) -> None:
    there = folder.read_run()["config"]
    sources = _sources(there["source"], config["source"])
    before, now = (
        dict(flat({**data_config(one), "source": source})) for one, source in zip((there, config), sources, strict=True)
    )
    different = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    if different:
        lines = [f"  {key}: {shown(before, key)} in the run, {shown(now, key)} now" for key in different]
        raise UserError(
            f"output={location} holds a run of another configuration:\n" + "\n".join(lines) + "\n"
            "Its data would be of two kinds. Give the same values as before to go on with it, or another output"
        )


def _sources(*nodes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What makes the data of each list. In another format it may be the same list: then only what both formats have can
    tell them apart, and not what each has by default (nobody says of a list of paths that it has no captions)."""
    mine, yours = map(what_makes_the_data, nodes)
    if mine["_target_"] == yours["_target_"]:
        return [mine, yours]
    usual = [{f.name: f.default for f in fields(target(node["_target_"]))} for node in nodes]
    names = [name for name in mine if name in yours and name != "_target_"]
    names = [name for name in names if (mine[name], yours[name]) != (usual[0].get(name), usual[1].get(name))]
    return [{name: node[name] for name in names} for node in (mine, yours)]


def _follow(folder: RunFolder, config: Mapping[str, Any]) -> None:
    """Exports and reports read the images too, from where run.json says."""
    run = folder.read_run()
    moved = {key: config[key] for key in ("source", "image_root")}
    if (run["config"]["source"]["path"], run["config"]["image_root"]) != (moved["source"]["path"], moved["image_root"]):
        folder.write_run({**run, "config": {**run["config"], **moved}})


def flat(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def shown(values: Mapping[str, Any], key: str) -> str:
    return json.dumps(values[key], ensure_ascii=False) if key in values else "nothing"


@cache
def installed(name: str) -> str | None:
    """The version alone: to parse all that twenty packages say of themselves takes a fifth of a start."""
    try:
        package = distribution(name)
    except PackageNotFoundError:
        return None
    found = re.search(r"^Version: (.+)$", package.read_text("METADATA") or "", re.MULTILINE)
    return found[1].strip() if found else package.version
