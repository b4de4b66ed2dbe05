"""Hydra's own face (--cfg, --info, tab completion, --multirun) over the same configuration."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import hydra
from hydra import initialize
from hydra._internal.utils import get_args_parser
from omegaconf import DictConfig

from labelyard.launch.config.compose import CONF, Composed, composed, register, told_to_hydra

# Without these Hydra would make folders of its own wherever it is called.
QUIET = [
    "hydra.run.dir=.",
    "hydra.output_subdir=null",
    "hydra/job_logging=none",
    "hydra/hydra_logging=none",
]


def hydra_app(arguments: list[str]) -> int:
    directory, given = None, list(arguments)
    if not {"--shell-completion", "-sc", "--hydra-help"}.intersection(arguments):  # these only ask
        directory, given = _as_hydra_wants_them(arguments)
    groups = register(*_folders(directory))
    codes: list[int] = []

    @hydra.main(version_base="1.3", config_path=None, config_name="config")
    def app(config: DictConfig) -> None:
        from hydra.core.hydra_config import HydraConfig

        from labelyard.launch.starting.start import start

        record = HydraConfig.get()
        overrides, name = tuple(record.overrides.task), record.job.config_name or "config"
        codes.append(start(Composed(config, record, overrides, name, groups.kinds, directory)))  # type: ignore[arg-type]

    sys.argv = [sys.argv[0], *given]
    app()
    return max(codes, default=0)


def _as_hydra_wants_them(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """The user's folder of options, and the arguments with text as it was typed and all settings in one place: Hydra
    takes no second group of them. What is wrong with them is told as everywhere else."""
    ours = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    ours.add_argument("--config-dir", "-cd")
    ours.add_argument("--wait", action="store_true")
    own, rest = ours.parse_known_args(arguments)
    parsed = get_args_parser().parse_intermixed_args(rest)
    left = Counter(parsed.overrides)
    flags = [argument for argument in rest if not _take(left, argument)]
    settings = [*parsed.overrides, *(["cluster.wait=true"] if own.wait else [])]
    name, sweeps = parsed.config_name or "config", bool(parsed.multirun)
    if not sweeps:
        composed(settings, name, own.config_dir)
    groups = register(*_folders(own.config_dir))
    with initialize(version_base="1.3", config_path=None):
        told = told_to_hydra(settings, name, groups, sweeps)
    return own.config_dir, [*told, *QUIET, *flags]


def _take(left: Counter[str], argument: str) -> bool:
    left[argument] -= 1
    return left[argument] >= 0


def _folders(directory: str | None) -> list[Path]:
    return [CONF, Path(directory).resolve()] if directory else [CONF]
