"""A mask for every box by SAM 3: the part of it that is asked with boxes, as SAM 2 is, and not with names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from labelyard.generate.steps.segment.box_masks import BoxMasks, Masker


@dataclass(kw_only=True)
class Sam3Boxes(BoxMasks):
    """`checkpoint` is a hub id or a transformers folder; the published one holds both parts of SAM 3."""

    called: ClassVar[str] = "SAM3"
    compiles: ClassVar[bool] = False

    checkpoint: str = "facebook/sam3"

    def load_masker(self, device: str) -> Masker:
        from labelyard.generate.steps.models.sam.sam2 import load_sam3_for_boxes

        return load_sam3_for_boxes(self.checkpoint, self.revision, device, self.dtype)
