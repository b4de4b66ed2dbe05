"""A mask for every box by EdgeTAM, SAM 2 with a network that sees small enough for a telephone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from labelyard.generate.steps.segment.box_masks import BoxMasks, Masker
from labelyard.generate.steps.tools.timm import without_timm


@dataclass(kw_only=True)
class EdgeTam(BoxMasks):
    """`checkpoint` is a hub id or a transformers folder. Its backbone is timm's."""

    called: ClassVar[str] = "EdgeTAM"
    compiles: ClassVar[bool] = False

    checkpoint: str = "yonigozlan/EdgeTAM-hf"

    def lacking(self) -> str | None:
        return without_timm(self.checkpoint)

    def load_masker(self, device: str) -> Masker:
        from labelyard.generate.steps.models.sam.sam2 import load_edgetam

        return load_edgetam(self.checkpoint, self.revision, device, self.dtype)
