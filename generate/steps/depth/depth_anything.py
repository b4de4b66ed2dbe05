"""`depth=depth_anything`: Depth Anything V2, relative or metric as its checkpoint says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from labelyard.generate.steps.depth.depth_maps import INVERSE, METRIC, DepthMaps


@dataclass(kw_only=True)
class DepthAnything(DepthMaps):
    """Small, of which the weights may be used for whatever one likes; those of Base and Large not commercially."""

    checkpoint: str = "depth-anything/Depth-Anything-V2-Small-hf"

    def model_class(self) -> Any:
        from transformers import DepthAnythingForDepthEstimation

        return DepthAnythingForDepthEstimation

    def kind(self, config: Any) -> str:
        return METRIC if config.depth_estimation_type == "metric" else INVERSE
