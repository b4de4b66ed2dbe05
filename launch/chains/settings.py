"""Which stages a setting of the command line goes to.

    STAGE:key=value            to that stage
    source=…, source.*, limit  to the stages that read the user's list
    a step's, such as ground.… to the stages that run this step; kind@step=… likewise
    everything else            to all of them

A stage's settings are those of its yaml, then these; of two for the same key the later one counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

from labelyard.launch.chains.recipe import Recipe, StageRecipe
from labelyard.launch.config.asked import Asked
from labelyard.launch.config.compose import SECTIONS
from labelyard.utils.errors import UserError, nearest

FOR_ONE = re.compile(r"([^:=]+):(.+)", re.S)
OF_THE_LIST = ("source", "limit")
AROUND_STEPS = ("cluster", "source", *SECTIONS, *(f.name for f in fields(Asked)))
OF_THE_CHAIN = ("output", "dry_run", "plan_only")


@dataclass(frozen=True)
class Given:
    """The settings of a command line."""

    plain: tuple[str, ...]
    own: Mapping[str, tuple[str, ...]]  # by stage

    def before_steps(self, stage: StageRecipe) -> list[str]:
        """All but what may be a step's: it tells which steps the stage runs."""
        plain = [setting for setting in self.plain if first_word(setting) in AROUND_STEPS]
        plain = [setting for setting in plain if _concerns(setting, stage, (), set())]
        return merged([*stage.settings, *plain, *self.own.get(stage.name, ())])

    def to(self, stage: StageRecipe, steps: Mapping[str, Sequence[str]], kinds: Sequence[str]) -> list[str]:
        """All settings of a stage; `steps`: those of every stage."""
        known = {*kinds, *(name for names in steps.values() for name in names)}
        plain = [setting for setting in self.plain if _concerns(setting, stage, steps[stage.name], known)]
        return merged([*stage.settings, *plain, *self.own.get(stage.name, ())])

    def check(self, recipe: Recipe, steps: Mapping[str, Sequence[str]], kinds: Sequence[str]) -> None:
        """What would concern no stage, or nobody knows which, is refused."""
        run = {name for names in steps.values() for name in names}
        for setting in self.plain:
            word = first_word(setting)
            if word == "pipeline":
                stages = ", ".join(recipe.names)
                raise UserError(f"{setting}: of which stage? Give it as STAGE:{setting}; the stages are {stages}")
            if word in recipe.names and word not in run and word not in kinds:
                raise UserError(f"{setting}: for one stage give {word}:{setting.partition('.')[2]}")
            if word in kinds and word not in run:
                told = "; ".join(f"{stage} {', '.join(names)}" for stage, names in steps.items())
                raise UserError(f"{setting}: no stage of the chain runs '{word}'. They run: {told}")


def given_settings(settings: Sequence[str], recipe: Recipe) -> Given:
    plain: list[str] = []
    own: dict[str, list[str]] = {}
    for setting in settings:
        found = FOR_ONE.fullmatch(setting)
        if found is None:
            plain.append(setting)
            continue
        name, rest = found.groups()
        stage = next((stage for stage in recipe.stages if stage.name == name), None)
        if stage is None:
            likely = nearest(name, recipe.names)
            hint = f" Did you mean {likely}:{rest}?" if likely else ""
            raise UserError(f"{setting}: the chain has no stage '{name}'; it has {', '.join(recipe.names)}.{hint}")
        refuse_chains_own(rest, stage, setting)
        own.setdefault(name, []).append(rest)
    return Given(tuple(plain), {name: tuple(rest) for name, rest in own.items()})


def refuse_chains_own(setting: str, stage: StageRecipe, shown: str) -> None:
    """What the chain decides is not a stage's to say."""
    if first_word(setting) in OF_THE_CHAIN:
        raise UserError(f"{shown}: {first_word(setting)} is the whole chain's; give it without {stage.name}:")
    if stage.needs and setting.partition("=")[0] in ("source", "source.path", "source.join"):
        raise UserError(f"{shown}: {stage.name} reads the records of {', '.join(stage.needs)}, and nothing else")


def _concerns(setting: str, stage: StageRecipe, steps: Iterable[str], known: set[str]) -> bool:
    word = first_word(setting)
    if word in OF_THE_LIST:
        return not stage.needs
    return word in steps if word in known else True


def first_word(setting: str) -> str:
    """Of `kind@step=option` the step, which is whom it concerns."""
    word = setting.lstrip("~+").partition("=")[0].partition(".")[0]
    return word.rpartition("@")[2]


def merged(settings: Iterable[str]) -> list[str]:
    """Of two for the same key, the later."""
    found: dict[str, str] = {}
    for setting in settings:
        key = setting.lstrip("~").partition("=")[0]
        found.pop(key, None)
        found[key] = setting
    return list(found.values())
