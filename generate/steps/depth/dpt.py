"""`depth=dpt`: DPT, known as MiDaS 3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from labelyard.generate.steps.depth.depth_maps import INVERSE, METRIC, DepthMaps


@dataclass(kw_only=True)
class Dpt(DepthMaps):
    """Its checkpoints do not say what their numbers are: MiDaS's are inverse depth, those of NYU or KITTI metres."""

    checkpoint: str = "Intel/dpt-large"
    numbers: str = INVERSE  # what the checkpoint's numbers are: inverse or metric

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.numbers not in (INVERSE, METRIC):
            raise ValueError(f"numbers={self.numbers!r}: unknown; one of {INVERSE}, {METRIC}")

    def model_class(self) -> Any:
        from transformers import DPTForDepthEstimation

        return DPTForDepthEstimation

    def kind(self, config: Any) -> str:
        return self.numbers
