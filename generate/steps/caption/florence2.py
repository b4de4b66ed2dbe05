"""`caption=florence2`: Florence-2, which is told by one of three tasks how much to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labelyard.generate.steps.caption.captioner import Captioner
from labelyard.generate.steps.tools.pixels import aligned
from labelyard.generate.steps.tools.weights import torch_dtype

if TYPE_CHECKING:
    from PIL.Image import Image

TASKS = ("<CAPTION>", "<DETAILED_CAPTION>", "<MORE_DETAILED_CAPTION>")


@dataclass(kw_only=True)
class Florence2(Captioner):
    """Of the checkpoints those that transformers reads itself: microsoft's own bring code, which is not run."""

    checkpoint: str = "florence-community/Florence-2-large"
    prompt: str = "<CAPTION>"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.prompt not in TASKS:
            raise ValueError(f"prompt={self.prompt!r}: unknown to Florence-2; one of {', '.join(TASKS)}")

    def load(self) -> None:
        from transformers import AutoProcessor, Florence2ForConditionalGeneration

        self.loaded.processor = self.processor(AutoProcessor)
        self.loaded.model = self.pretrained(Florence2ForConditionalGeneration)

    def describe(self, images: Sequence[Image]) -> list[str]:
        import torch

        given = self.loaded.processor(images=list(images), text=[self.prompt] * len(images), return_tensors="pt")
        given = given.to(self.device, torch_dtype(self.dtype))
        with torch.inference_mode():
            answers = self.loaded.model.generate(**aligned(given), **self.generation())
        texts: list[str] = self.loaded.processor.tokenizer.batch_decode(answers, skip_special_tokens=True)
        return texts
