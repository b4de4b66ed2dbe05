"""`depth=depth_anything`: Depth Anything V2, relative or metric as its checkpoint says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from generate.steps.models.depth_maps import INVERSE, METRIC, DepthMaps


@dataclass(kw_only=True)
class DepthAnything(DepthMaps):
    checkpoint: str = "depth-anything/Depth-Anything-V2-Large-hf"

    def model_class(self) -> Any:
        from transformers import DepthAnythingForDepthEstimation

        return DepthAnythingForDepthEstimation

    def kind(self, config: Any) -> str:
        return METRIC if config.depth_estimation_type == "metric" else INVERSE
