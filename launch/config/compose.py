"""Hydra composes the configuration; every group's options are typed by the dataclass that their yaml names.

The yaml files under conf/ are registered with Hydra, which gets each laid over its dataclass. So an option is one
dataclass and one yaml, its keys and types are strict, and a new group is a new folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, make_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hydra import compose, initialize
from hydra.core.config_store import ConfigNode, ConfigStore
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, StringNode
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from labelyard.generate.media.load import Load
from labelyard.generate.record_json.encode import Write
from labelyard.generate.settings import target
from labelyard.generate.steps.tools.model_cache import Models
from labelyard.generate.worker.work import Work
from labelyard.launch.config.asked import Asked
from labelyard.launch.config.override_errors import Culprit, is_choice
from labelyard.launch.config.typed_values import added_by_name, as_typed, find, may_add, needs_a_look
from labelyard.utils.errors import UserError
from labelyard.utils.programs import call

CONF = Path(__file__).resolve().parents[2] / "conf"
# Groups that are no kind of step.
FRAME = ("source", "pipeline", "cluster", "export")
# Folders of conf/ that hold no options of a run.
NO_GROUPS = ("chain", "train")
# Keys of every configuration that hold settings of one dataclass.
SECTIONS = {"load": Load, "write": Write, "work": Work, "models": Models}


@dataclass(frozen=True)
class Composed:
    """What Hydra made of a command line."""

    config: DictConfig
    hydra: DictConfig
    overrides: tuple[str, ...]
    name: str
    kinds: tuple[str, ...]
    directory: str | None = None  # options of the user's own


@dataclass(frozen=True)
class Groups:
    """Every group and the yaml files of its options."""

    options: dict[str, dict[str, Path]]

    @classmethod
    @cache
    def under(cls, *folders: Path) -> Groups:
        found: dict[str, dict[str, Path]] = {}
        for folder in folders:
            for path in sorted(folder.glob("*/*.yaml")):
                if path.parent.name not in NO_GROUPS:
                    found.setdefault(path.parent.name, {})[path.stem] = path
        return cls(found)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The groups that are kinds of steps."""
        return tuple(group for group in self.options if group not in FRAME)


class Option(ConfigNode):
    """An option's yaml over its dataclass, read and imported when Hydra first asks for it: a run needs ten of fifty."""

    def __init__(self, group: str, name: str, path: Path) -> None:
        self.name, self.group, self.provider = f"{name}.yaml", group, None
        self.package = "_global_" if group == "pipeline" else group
        self._path = path
        self._node: DictConfig | None = None

    @property
    def node(self) -> DictConfig:
        if self._node is None:
            try:
                loaded = OmegaConf.load(self._path)
                assert isinstance(loaded, DictConfig)
                self._node = OmegaConf.structured(_typed(loaded))
            except (YAMLError, OmegaConfBaseException) as error:
                raise UserError(f"{self._path}: {str(error).strip()}") from None
        return self._node

    @node.setter  # Hydra sets a copy's
    def node(self, value: DictConfig) -> None:
        self._node = value


_registered: list[Groups] = []  # Hydra's store is global; what it holds now


def register(*folders: Path) -> Groups:
    """Make the options in these folders known to Hydra. A user's own folder counts like conf/ itself."""
    store = ConfigStore.instance()
    groups = Groups.under(*folders)
    if _registered[-1:] == [groups]:
        return groups
    _registered.append(groups)
    for group, options in groups.options.items():
        known = store.repo.setdefault(group, {})
        known.update({f"{name}.yaml": Option(group, name, path) for name, path in options.items()})
    for path in sorted(path for folder in folders for path in folder.glob("*.yaml")):
        store.store(name=path.stem, node=_root(path, groups))
    return groups


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


def _root(path: Path, groups: Groups) -> DictConfig:
    node = OmegaConf.load(path)
    assert isinstance(node, DictConfig)
    if path.stem == "config":
        # Every kind of step stands in the defaults list, chosen or not, so that a pipeline may choose.
        defaults = list(node.pop("defaults"))
        chosen = [{kind: None} for kind in groups.kinds]
        node.defaults = [*chosen, *defaults]
        asked = OmegaConf.structured(Asked)
        for key, value in OmegaConf.to_container(node).items():  # type: ignore[union-attr]
            if key in asked.keys():  # noqa: SIM118  (`in` would deny a key whose value is still missing)
                asked[key] = value
                node._set_item_impl(key, asked._get_node(key))  # with its type
        for section, kind in SECTIONS.items():
            node[section] = OmegaConf.structured(kind)
    return node


def composed(overrides: Sequence[str], name: str = "config", directory: str | None = None) -> Composed:
    """The configuration of a command line, or a short message with what is valid instead."""
    if directory is not None and not Path(directory).is_dir():
        raise UserError(f"--config-dir {directory}: there is no such folder")
    folders = (CONF, Path(directory).resolve()) if directory else (CONF,)
    groups = register(*folders)
    names = sorted({path.stem for folder in folders for path in folder.glob("*.yaml")})
    if name not in names:
        raise UserError(f"--config-name {name}: there is no such configuration; there are {', '.join(names)}")
    overrides = [_dropped(override, groups) for override in overrides]
    with initialize(version_base="1.3", config_path=None):
        try:
            config = compose(name, told_to_hydra(overrides, name, groups), return_hydra_config=True)
            hydra = config.hydra
            OmegaConf.set_struct(config, False)
            del config["hydra"]
            # Not in place: what an escaped ${ comes to would be looked up once more.
            OmegaConf.to_container(config, resolve=True)
        except (HydraException, OmegaConfBaseException, ValueError) as error:
            raise UserError(Culprit(groups.options, groups.kinds, overrides, name).explain(error)) from None
    return Composed(config, hydra, tuple(overrides), name, groups.kinds, directory)


def told_to_hydra(overrides: Sequence[str], name: str, groups: Groups, sweeps: bool = False) -> list[str]:
    """The overrides with text as it was typed; within Hydra's `initialize`."""
    overrides = [_dropped(override, groups) for override in overrides]
    choices = [override for override in overrides if is_choice(override, groups.options)]
    others = [override for override in overrides if override not in choices]
    open_ones = [override for override in others if needs_a_look(override)]
    at_a_glance = all(_is_never_text(override.partition("=")[0], choices, groups) for override in open_ones)
    if at_a_glance and not any(map(may_add, others)):
        return overrides
    try:
        config = compose(name, choices)
    except (HydraException, OmegaConfBaseException):
        return overrides  # the choices are wrong; Hydra will say so
    return [
        override if override in choices else added_by_name(as_typed(override, config, sweeps), config)
        for override in overrides
    ]


def _is_never_text(key: str, choices: Sequence[str], groups: Groups) -> bool:
    """Whether it shows at a glance that what stands there is a number or a list: to compose is half of a start."""
    section, _, rest = key.partition(".")
    repo = ConfigStore.instance().repo
    if section not in groups.options:
        places = [find(repo["config.yaml"].node, key)]
    elif rest:
        chosen = [name for group, _, name in (choice.partition("=") for choice in choices) if group == section]
        options = [repo[section].get(f"{name}.yaml") for name in chosen or _whichever(section, groups)]
        places = [option and find(option.node, key if option.package == "_global_" else rest) for option in options]
    else:
        return False
    known = [place for place in places if place is not None]
    return bool(known) and not any(isinstance(place, StringNode) for place in known)


def _whichever(section: str, groups: Groups) -> Iterable[str]:
    """Its options where none is chosen on the command line, if there are few."""
    return groups.options[section] if section == "cluster" else ()


def _dropped(override: str, groups: Groups) -> str:
    """`embed=null` is how one would say it; Hydra's word for leaving out a group's choice is `~embed`."""
    key, _, value = override.partition("=")
    return f"~{key}" if key in groups.options and value == "null" else override


def plain(node: DictConfig) -> dict[str, Any]:
    """The configuration as plain dictionaries and lists; a missing value is an error that names it."""
    missing = sorted(OmegaConf.missing_keys(node))
    if missing:
        raise UserError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not given. For example: "
            f"{call('run')} source.path=train_data.json output=train-data"
        )
    result = OmegaConf.to_container(node, resolve=True)
    assert isinstance(result, dict)
    return {str(key): value for key, value in result.items()}
