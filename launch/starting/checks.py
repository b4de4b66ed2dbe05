"""What is looked at before anything is started: the models, the output, an earlier plan."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from typing import Any

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.run_folder.plan import Plan
from labelyard.generate.settings import in_full
from labelyard.generate.step import Step
from labelyard.generate.steps.tools import model_cache
from labelyard.launch.config.compose import Composed
from labelyard.utils.english import counted
from labelyard.utils.errors import UserError
from labelyard.utils.programs import program


def check_installed(steps: Mapping[str, Step]) -> None:
    lacking = not_installed(steps)
    if lacking:
        raise UserError("what steps need is not here:\n" + "\n".join(f"  {line}" for line in lacking))


def not_installed(steps: Mapping[str, Step]) -> list[str]:
    return [in_full(problem, name, type(step)) for name, step in steps.items() if (problem := step.lacking())]


def check_models(composed: Composed, models: Mapping[str, Any], steps: Mapping[str, Step]) -> None:
    """Better now than on every worker: each would have waited for its GPU to find it out."""
    model_cache.use(models)
    lacking = model_cache.missing(steps)
    if lacking:
        names = [] if composed.name == "config" else ["--config-name", composed.name]
        own = ["--config-dir", composed.directory] if composed.directory else []
        settings = [override for override in composed.overrides if _names_models(override, composed)]
        raise UserError(
            "models are missing:\n"
            + "\n".join(f"  {line}" for line in lacking)
            + "\nWhere there is internet: "
            + shlex.join([*program("fetch"), *names, *own, *settings])
        )


def _names_models(override: str, composed: Composed) -> bool:
    """Whether a setting has a say in which models are needed."""
    first = override.lstrip("~+").partition("=")[0].partition(".")[0].partition("@")[0]
    return first in (*composed.kinds, *composed.config.pipeline.steps, "pipeline", "models")


def check_output(folder: RunFolder, location: str) -> None:
    if folder.path.exists() and not folder.path.is_dir():
        raise UserError(f"output={location} is a file. Give the run a folder")
    if folder.was_a_run() and not folder.run_json.exists():
        RunFolder.open(location)  # says what is gone, and how to get it back
    if folder.path.exists() and not folder.run_json.exists() and not folder.is_free():
        names = ", ".join(sorted(path.name for path in folder.path.iterdir())[:5])
        raise UserError(
            f"output={location} is not a run folder, and not empty either (it holds {names}). Give another output, for "
            f"example output={location.rstrip('/')}/labelyard"
        )
    there = folder.path
    while not there.exists():
        there = there.parent
    if not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"output={location}: no permission to write in {there}. Try: ls -ld {shlex.quote(str(there))}")


def prepare(folder: RunFolder, location: str) -> None:
    try:
        folder.make()
    except OSError as error:
        raise UserError(f"output={location}: {error.strerror} ({error.filename})") from None


def check_plan(planned: Plan, location: str) -> None:
    """Items that are in no shard would never be worked on, and nobody would miss them."""
    held = sum(planned.shard_sizes())
    if held != planned.items:
        raise UserError(
            f"output={location}: its plan has {counted(planned.items, 'item')}, but shards for {held} of them. Earlier "
            "versions planned so where shard_size was below 1. Nothing can be made of it; give another output"
        )
