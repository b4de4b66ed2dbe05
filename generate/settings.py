"""Configuration as dataclass fields: what is data, and what only changes how the work is done."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import field, fields
from typing import Any

from utils.errors import UserError
from utils.redact import secret_settings


def transient(default: Any) -> Any:
    """A field that changes how the work is done but not what comes out: a run may be resumed with another value."""
    return field(default=default, metadata={"transient": True})


def settings(configured: Any, with_transient: bool = True) -> dict[str, Any]:
    """The configuration of a step, source, … as a plain dictionary."""
    return {
        f.name: getattr(configured, f.name)
        for f in fields(configured)
        if with_transient or not f.metadata.get("transient")
    }


def target(name: str) -> Any:
    """The class that a config's `_target_` names, such as generate.steps.tag.ram.Ram."""
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(f"_target_={name}: {error}. It must be the dotted name of an importable class") from None


def build(node: Mapping[str, Any]) -> Any:
    """The object that a config node describes: its `_target_` called with the other keys."""
    values = {key: value for key, value in node.items() if key != "_target_"}
    found = secret_settings(values)
    if found:
        name = found[0].rpartition(".")[2]
        raise UserError(
            f"{found[0]} holds a key or password. The configuration is written to disk for everyone to read, so keys "
            f"come from the environment alone: export {name.upper()}=… and leave {found[0]} out"
        )
    return target(node["_target_"])(**values)


def what_makes_the_data(node: Mapping[str, Any]) -> dict[str, Any]:
    """The node without its transient fields."""
    names = {f.name for f in fields(target(node["_target_"])) if f.metadata.get("transient")}
    return {key: value for key, value in node.items() if key not in names}
