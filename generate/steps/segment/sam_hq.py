"""A mask for every box by SAM-HQ, which draws finer edges than SAM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from labelyard.generate.steps.segment.box_masks import BoxMasks, Masker
from labelyard.generate.steps.tools.torch_compile import check_compile

BACKENDS = ("port", "native")


@dataclass(kw_only=True)
class SamHQ(BoxMasks):
    """`checkpoint` is a hub id, a transformers folder, or a file as the authors published it (sam_hq_vit_b|l|h.pth)."""

    called: ClassVar[str] = "HQ_SAM"

    checkpoint: str = "syscv-community/sam-hq-vit-huge"  # a hub's id, a folder, or the authors' file
    backend: str = "port"  # or 'native', the authors' own package

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.backend not in BACKENDS:
            raise ValueError(f"backend={self.backend!r}: unknown; one of {', '.join(BACKENDS)}")
        check_compile(self.compile, self.backend)

    def load_masker(self, device: str) -> Masker:
        if self.backend == "native":
            from labelyard.generate.steps.models.sam.native import NativeMasker

            return NativeMasker(self.checkpoint, self.revision, hq=True, device=device)
        from labelyard.generate.steps.models.sam.ports import SamHQMasker, load_port

        model = load_port(self.checkpoint, self.revision, hq=True, device=device, dtype=self.dtype)
        return SamHQMasker(model, self.dtype)

    def model(self) -> dict[str, Any]:
        return super().model() | {"backend": self.backend}
