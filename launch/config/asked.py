"""What is asked of a run as a whole: the settings that stand in no section. conf/config.yaml lists them."""

from __future__ import annotations

from dataclasses import dataclass

from labelyard.generate.settings import setting


@dataclass(kw_only=True)
class Asked:
    output: str = "???"
    limit: int | None = setting(None, least=1)
    shard_size: int | None = setting(None, least=1, most=1_000_000)
    rate: float | None = setting(None, above=0)
    dry_run: bool = False
    plan_only: bool = False

    def __post_init__(self) -> None:
        if not self.output:
            raise ValueError("output is empty. Give the run a folder: output=train-data")
