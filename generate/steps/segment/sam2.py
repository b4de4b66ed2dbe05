"""A mask for every box by SAM 2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from labelyard.generate.steps.segment.box_masks import BoxMasks, Masker


@dataclass(kw_only=True)
class Sam2(BoxMasks):
    """`checkpoint` is a hub id or a transformers folder. Framed here, so that torchvision is not needed."""

    called: ClassVar[str] = "SAM2"
    compiles: ClassVar[bool] = False

    checkpoint: str = "facebook/sam2.1-hiera-large"

    def load_masker(self, device: str) -> Masker:
        from labelyard.generate.steps.models.sam.sam2 import load_sam2

        return load_sam2(self.checkpoint, self.revision, device, self.dtype)
