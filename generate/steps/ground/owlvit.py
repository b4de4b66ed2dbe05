"""`ground=owlvit`: boxes for the tags by the first OWL-ViT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labelyard.generate.record import Record
from labelyard.generate.steps.ground.owlv2 import Owlv2
from labelyard.generate.steps.tools.pixels import CLIP_MEAN, CLIP_STD, to_tensor

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor


@dataclass(kw_only=True)
class OwlVit(Owlv2):
    """It sees the image squeezed into a square, where its successor sees it filled up to one."""

    checkpoint: str = "google/owlvit-base-patch32"  # a hub's id or a folder

    def model_class(self) -> Any:
        from transformers import OwlViTForObjectDetection

        return OwlViTForObjectDetection

    def pixels(self, image: Image, side: int) -> Tensor:
        from PIL.Image import Resampling

        return to_tensor(image.resize((side, side), Resampling.BICUBIC), CLIP_MEAN, CLIP_STD)

    def spans(self, record: Record) -> tuple[float, float]:
        return float(record.width), float(record.height)
