"""Hydra's own face (--cfg, --info, tab completion, --multirun) over the same configuration."""

from __future__ import annotations

import sys

import hydra
from omegaconf import DictConfig

from launch.config import CONF, Composed, register


def hydra_app(arguments: list[str]) -> int:
    groups = register(CONF)
    codes: list[int] = []

    # Without these Hydra would make folders of its own wherever it is called.
    quiet = [
        "hydra.run.dir=.",
        "hydra.output_subdir=null",
        "hydra/job_logging=none",
        "hydra/hydra_logging=none",
    ]

    @hydra.main(version_base="1.3", config_path=None, config_name="config")
    def app(config: DictConfig) -> None:
        from hydra.core.hydra_config import HydraConfig

        from launch.start import start

        record = HydraConfig.get()
        job = Composed(config, record, tuple(record.overrides.task), record.job.config_name or "config", groups.kinds)  # type: ignore[arg-type]
        codes.append(start(job))

    asks_only = {"--shell-completion", "-sc", "--hydra-help"}
    plain = [] if asks_only.intersection(arguments) else quiet
    sys.argv = [sys.argv[0], *arguments, *plain]
    app()
    return max(codes, default=0)
