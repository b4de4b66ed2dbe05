"""Hydra composes the configuration; every group's options are typed by the dataclass that their yaml names.

The yaml files under conf/ are read here and registered with Hydra, each laid over its dataclass. So an option is one
dataclass and one yaml, its keys and types are strict, and a new group is a new folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, make_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hydra import compose, initialize
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from generate.annotation import Write
from generate.load import Load
from generate.settings import target
from generate.worker import Work
from utils.errors import UserError, nearest

CONF = Path(__file__).resolve().parent.parent / "conf"
# Groups that are no kind of step.
FRAME = ("source", "pipeline", "cluster")


@dataclass(frozen=True)
class Composed:
    """What Hydra made of a command line."""

    config: DictConfig
    hydra: DictConfig
    overrides: tuple[str, ...]
    name: str


@cache
def groups() -> dict[str, tuple[str, ...]]:
    """Every group and its options: the folders under conf/ and the yaml files in them."""
    return {
        folder.name: tuple(sorted(path.stem for path in folder.glob("*.yaml")))
        for folder in sorted(CONF.iterdir())
        if folder.is_dir() and not folder.name.startswith("_")
    }


def kinds() -> tuple[str, ...]:
    """The groups that are kinds of steps."""
    return tuple(group for group in groups() if group not in FRAME)


@cache
def register() -> None:
    store = ConfigStore.instance()
    for group, options in groups().items():
        for option in options:
            node = OmegaConf.load(CONF / group / f"{option}.yaml")
            assert isinstance(node, DictConfig)
            package = "_global_" if group == "pipeline" else group
            store.store(group=group, name=option, node=_typed(node), package=package)
    for path in sorted(CONF.glob("*.yaml")):
        store.store(name=path.stem, node=_root(path))


def _typed(node: DictConfig) -> Any:
    """The option's values over its dataclass, so that Hydra knows keys and types."""
    name = node.get("_target_")
    if name is None:
        return node
    described = target(name)
    schema = make_dataclass(
        described.__name__, [("_target_", str, field(default=name))], bases=(described,), kw_only=True
    )
    values = {key: value for key, value in node.items() if key not in ("_target_", "defaults")}
    return OmegaConf.merge(OmegaConf.structured(schema), values)


def _root(path: Path) -> DictConfig:
    node = OmegaConf.load(path)
    assert isinstance(node, DictConfig)
    if path.stem == "config":
        # Every kind of step stands in the defaults list, chosen or not, so that a pipeline may choose.
        defaults = list(node.pop("defaults"))
        chosen = [{kind: None} for kind in kinds()]
        node.defaults = [*chosen, *defaults]
        node.load = OmegaConf.structured(Load)
        node.write = OmegaConf.structured(Write)
        node.work = OmegaConf.structured(Work)
    return node


def composed(overrides: Sequence[str], name: str = "config", directory: str | None = None) -> Composed:
    """The configuration of a command line, or a short message with what is valid instead."""
    register()
    if name not in {path.stem for path in CONF.glob("*.yaml")} and directory is None:
        known = ", ".join(sorted(path.stem for path in CONF.glob("*.yaml")))
        raise UserError(f"--config-name {name}: there is no such configuration; there are {known}")
    searched = [f"hydra.searchpath=[file://{Path(directory).resolve()}]"] if directory else []
    with initialize(version_base="1.3", config_path=None):
        try:
            config = compose(name, [*overrides, *searched], return_hydra_config=True)
            OmegaConf.resolve(config)
        except (HydraException, OmegaConfBaseException) as error:
            raise UserError(_explained(error, overrides, name)) from None
    hydra = config.hydra
    OmegaConf.set_struct(config, False)
    del config["hydra"]
    return Composed(config, hydra, tuple(overrides), name)


def _explained(error: Exception, overrides: Sequence[str], name: str) -> str:
    """Hydra's message, or a better one where the culprit can be found."""
    for override in overrides:
        found = _unknown_option(override) or _unknown_key(override, overrides, name)
        if found:
            return found
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    wanted = [line for line in lines if not line.startswith(("object_type=", "reference_type=", "Set the env"))]
    return "; ".join(wanted) or type(error).__name__


def _split(override: str) -> tuple[str, str]:
    key, _, value = override.partition("=")
    return key.lstrip("+~").partition("@")[0], value


def _is_choice(override: str) -> bool:
    return _split(override)[0] in groups()


def _unknown_option(override: str) -> str | None:
    key, value = _split(override)
    options = groups().get(key)
    if options is None or value in options or value in ("", "null"):
        return None
    likely = nearest(value, options)
    hint = f" Did you mean {key}={likely}?" if likely else ""
    return f"{override}: '{key}' has no option '{value}'. Its options: {', '.join(options)}.{hint}"


def _unknown_key(override: str, overrides: Sequence[str], name: str) -> str | None:
    """Walk the key through the configuration as it is without it, and say where it leaves the known ground."""
    key, _ = _split(override)
    if _is_choice(override) or key.startswith("hydra") or override.startswith("+") or "=" not in override:
        return None
    try:
        node: Any = compose(name, [choice for choice in overrides if _is_choice(choice)])
    except (HydraException, OmegaConfBaseException):
        return None
    walked: list[str] = []
    for part in key.split("."):
        if not isinstance(node, DictConfig):
            return f"{override}: {'.'.join(walked)} is a value and has no keys below it"
        if part not in node:
            return _missing_key(override, part, walked, node)
        walked.append(part)
        node = node._get_node(part)
        if isinstance(node, DictConfig) and node._is_none():
            return f"{override}: {'.'.join(walked)} is null"
    return None


def _missing_key(override: str, part: str, walked: list[str], node: DictConfig) -> str:
    place = ".".join(walked)
    if not walked and part in kinds():
        return f"{override}: no option is chosen for '{part}'. Choose one first: {part}={'|'.join(groups()[part])}"
    valid = [str(key) for key in node if key != "_target_"]
    likely = nearest(part, valid)
    hint = f" Did you mean {'.'.join([*walked, likely])}?" if likely else ""
    return (
        f"{override}: there is no key '{part}'{f' in {place}' if place else ''}. "
        f"Valid keys: {', '.join(sorted(valid))}.{hint}"
    )


def plain(node: DictConfig) -> dict[str, Any]:
    """The configuration as plain dictionaries and lists; a missing value is an error that names it."""
    missing = sorted(OmegaConf.missing_keys(node))
    if missing:
        raise UserError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not given. For example: "
            "python launch/run.py source.path=train_data.json output=train-data"
        )
    result = OmegaConf.to_container(node, resolve=True)
    assert isinstance(result, dict)
    return {str(key): value for key, value in result.items()}
