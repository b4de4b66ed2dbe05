"""A command line as a chain whose stages are all known to be right. Nothing is written here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from labelyard.generate.aside import fills
from labelyard.generate.pipeline import needs
from labelyard.generate.record_json.chosen import Choice
from labelyard.generate.record_json.join import clash
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.settings import build
from labelyard.generate.source import Source
from labelyard.generate.step import Step
from labelyard.launch.chains.folder import ChainFolder, FrozenChain
from labelyard.launch.chains.frozen import Redo, settled
from labelyard.launch.chains.recipe import Recipe, StageRecipe
from labelyard.launch.chains.settings import Given, given_settings, merged, refuse_chains_own
from labelyard.launch.clusters.base import Cluster
from labelyard.launch.clusters.slurm import Slurm
from labelyard.launch.config.compose import Composed, composed
from labelyard.launch.merging.summary import to_type
from labelyard.launch.planning.reading import reading
from labelyard.launch.starting.checks import check_installed, check_models
from labelyard.launch.starting.request import Brought, Frame, chosen_steps, framed
from labelyard.launch.starting.run_json import data_config
from labelyard.utils.errors import UserError


@dataclass(frozen=True)
class Stage:
    name: str
    needs: tuple[str, ...]
    folder: RunFolder
    composed: Composed  # of its run, with output and source where they lie
    config: Mapping[str, Any]
    steps: Mapping[str, Step]
    cluster: Cluster


@dataclass(frozen=True)
class Chain:
    name: str
    folder: ChainFolder
    frozen: FrozenChain
    stages: tuple[Stage, ...]  # in an order in which they can be run
    dry_run: bool
    old: Mapping[str, str] = field(default_factory=dict)  # folders that are to make room, and their new names

    @property
    def on_slurm(self) -> bool:
        return isinstance(self.stages[0].cluster, Slurm)

    def stage(self, name: str) -> Stage:
        return next(stage for stage in self.stages if stage.name == name)

    def needing(self, name: str) -> list[Stage]:
        return [stage for stage in self.stages if name in stage.needs]

    def place(self, stage: Stage) -> str:
        """In words: the third of four."""
        return f"stage {self.stages.index(stage) + 1} of {len(self.stages)}: {stage.name}"


@dataclass(frozen=True)
class _Draft:
    """A stage before it is known in which folder it lies."""

    recipe: StageRecipe
    composed: Composed
    frame: Frame
    steps: Mapping[str, Step]
    brought: Brought  # by its records
    reads: tuple[str, ...] = ()  # the stages whose runs its source reads: one, and those that are joined to it

    @property
    def data(self) -> dict[str, Any]:
        values = self.frame.values
        source = {key: value for key, value in values["source"].items() if key != "join"}  # its needs say as much
        parts = {key: values[key] for key in ("load", "write")}
        steps = {name: values[name] for name in self.steps}
        return data_config({"source": source, "pipeline": {"steps": list(steps)}, "steps": steps, **parts})


def planned(
    recipe: Recipe,
    settings: Sequence[str],
    directory: str | None,
    redo: Redo | None = None,
    strict: bool = False,
) -> Chain:
    _check(recipe)
    drafts = _drafts(recipe, given_settings(settings, recipe), directory)
    asked = drafts[0].frame.asked
    folder = ChainFolder(Path(asked.output).resolve())
    folder.check(asked.output)
    _check_clusters(drafts, folder)
    wanted = {draft.recipe.name: (draft.recipe.needs, draft.data) for draft in drafts}
    found = settled(folder, recipe.name, wanted, redo or Redo(), asked.output, strict)
    stages = tuple(_stage(draft, folder, found.chain) for draft in drafts)
    return Chain(recipe.name, folder, found.chain, stages, asked.dry_run, found.old)


def _check(recipe: Recipe) -> None:
    for stage in recipe.stages:
        for setting in stage.settings:
            refuse_chains_own(setting, stage, f"stage {stage.name} of the chain {recipe.name}: {setting}")


def _drafts(recipe: Recipe, given: Given, directory: str | None) -> list[_Draft]:
    compositions = {stage.name: _composed(stage, given.before_steps(stage), directory) for stage in recipe.stages}
    steps = {name: _steps(one) for name, one in compositions.items()}
    kinds = next(iter(compositions.values())).kinds
    given.check(recipe, steps, kinds)
    drafts: dict[str, _Draft] = {}
    for stage in recipe.stages:
        settings = given.to(stage, steps, kinds)
        known = compositions[stage.name] if settings == given.before_steps(stage) else None
        composition = known or _composed(stage, settings, directory)
        with _Told(stage.name):
            drafts[stage.name] = _draft(stage, composition, drafts)
    return list(drafts.values())


def _composed(stage: StageRecipe, settings: Sequence[str], directory: str | None) -> Composed:
    own = ["source=records", "source.path=records-of-a-stage", "source.max_refused=1"] if stage.needs else []
    with _Told(stage.name):
        return composed(merged([*own, *settings]), directory=directory)


def _steps(composition: Composed) -> list[str]:
    return [str(name) for name in composition.config.pipeline.steps]


def _draft(stage: StageRecipe, composition: Composed, before: Mapping[str, _Draft]) -> _Draft:
    frame = framed(composition)
    if frame.asked.plan_only:
        raise UserError(
            "plan_only=true: a stage is planned once those before it are done; dry_run=true says what would be"
        )
    reads: tuple[str, ...] = ()
    if stage.needs:
        reads, brought = _joined(stage, before)
        brought = _chosen(frame.values["source"], brought)
        steps = chosen_steps(composition, brought)
    else:
        steps = chosen_steps(composition)
        source: Source = build(frame.values["source"], "source")
        source.serve(needs(steps))
        with reading(source):
            source.peek(frame.values["load"]["urls"])
        brought = Brought(source.gives(), source.brings())
    if getattr(frame.cluster, "python", None) is None:  # else workers have another environment than this
        check_installed(steps)
    check_models(composition, frame.values["models"], steps)
    gives = {**brought.gives, **{name: tuple(fills(name, step)) for name, step in steps.items()}}
    return _Draft(stage, composition, frame, steps, Brought(gives, brought.brings), reads)


def _joined(stage: StageRecipe, before: Mapping[str, _Draft]) -> tuple[tuple[str, ...], Brought]:
    """The runs that a stage reads. To the records of the first stage that it needs is added what the steps of the
    others have found, and of those behind them that the first does not rest on."""
    first = before[stage.needs[0]]
    rests_on = {name: _with_all_before(name, before) for name in stage.needs}
    others = [name for name in before if any(name in rests_on[need] for need in stage.needs[1:])]
    others = [name for name in others if name not in rests_on[stage.needs[0]]]
    gives = dict(first.brought.gives)
    for name in others:
        for step, made in before[name].steps.items():
            if step in gives:
                raise UserError(
                    f"it needs {', '.join(stage.needs)}, and both have a step '{step}'. Leave one of the two out"
                )
            for maker, fields in gives.items():
                twice = [later for later in fills(step, made) if any(clash(earlier, later) for earlier in fields)]
                if twice:
                    raise UserError(
                        f"it needs {', '.join(stage.needs)}, and {twice[0]} is made twice: by step '{maker}', and by "
                        f"step '{step}' of {name}. Leave one of them out, or let {name} need the other"
                    )
        gives |= {step: tuple(fills(step, made)) for step, made in before[name].steps.items()}
    return (stage.needs[0], *others), Brought(gives, first.brought.brings)


def _chosen(source: Mapping[str, Any], brought: Brought) -> Brought:
    """What the stage's steps see of it, as its source will say once the runs are there."""
    choice = Choice.of(source)
    choice.check(made for found in brought.gives.values() for made in found)
    return Brought(choice.gives(brought.gives), choice.brings(brought.brings))


def _with_all_before(name: str, stages: Mapping[str, _Draft]) -> set[str]:
    found = {name}
    for need in stages[name].recipe.needs:
        found |= _with_all_before(need, stages)
    return found


def _check_clusters(drafts: Sequence[_Draft], folder: ChainFolder) -> None:
    """The login node may go away at once, or this process does the work: not both."""
    for draft in drafts:
        cluster = draft.frame.cluster
        if isinstance(cluster, Slurm) != isinstance(drafts[0].frame.cluster, Slurm):
            raise UserError(
                f"stage {drafts[0].recipe.name} runs with cluster={_kind(drafts[0])} and {draft.recipe.name} with "
                f"cluster={_kind(draft)}. Let all of a chain run here, or all of it on SLURM"
            )
        if isinstance(cluster, Slurm) and cluster.wait:
            raise UserError(
                "cluster.wait=true: a chain is waited for with --wait, and looked at by "
                f"{to_type('status', folder.path)} --watch"
            )
        cluster.check(folder.run(draft.recipe.name))


def _kind(draft: _Draft) -> str:
    return type(draft.frame.cluster).__name__.lower()


def _stage(draft: _Draft, folder: ChainFolder, frozen: FrozenChain) -> Stage:
    recipe = draft.recipe
    run = folder.run(frozen.stages[recipe.name].folder)
    places: dict[str, Any] = {"output": str(run.path)}
    if recipe.needs:
        first, *others = (str(folder.path / frozen.stages[name].folder) for name in draft.reads)
        places |= {"source.path": first, **({"source.join": others} if others else {})}
    config = deepcopy(draft.composed.config)
    for key, place in places.items():
        OmegaConf.update(config, key, place)
    own = [f"{key}={place}" for key, place in places.items()]
    composition = replace(draft.composed, config=config, overrides=tuple(merged([*draft.composed.overrides, *own])))
    return Stage(recipe.name, recipe.needs, run, composition, draft.frame.values, draft.steps, draft.frame.cluster)


class _Told:
    """What is wrong with a stage names it."""

    def __init__(self, stage: str) -> None:
        self._stage = stage

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, UserError):
            raise UserError(f"stage {self._stage}: {error.args[0]}") from None
