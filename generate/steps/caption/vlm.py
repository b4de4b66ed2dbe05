"""`caption=vlm`: any chat model that sees, in the worker's process or served."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from labelyard.generate.record import Item, Record
from labelyard.generate.settings import setting
from labelyard.generate.steps.caption.captioner import Captioner
from labelyard.generate.steps.models.chat.asking import Asking
from labelyard.generate.steps.models.chat.messages import Request
from labelyard.generate.steps.models.chat.prompts import Template
from labelyard.generate.steps.models.chat.sampling import Sampling
from labelyard.generate.steps.tools.crops import Crop, crops, on_square

GREY = (0.48145466, 0.4578275, 0.40821073)  # CLIP's mean colour, which most of these models see as nothing


@dataclass(kw_only=True)
class VLM(Captioner, Asking):
    """LLaVA, LLaVA-NeXT, OneVision, Qwen2-VL and its successors, and whatever comes with the same interface.

    Each crop is laid on a grey square of `side` pixels. Many of these models make as many tokens as a picture has
    pixels; on squares of one size they make equally many of each crop, so nothing is padded, and no crop is too thin.
    """

    asked_about: ClassVar[str] = "instance"

    checkpoint: str = "llava-hf/llava-1.5-7b-hf"
    prompt: str = "Describe what is in this picture in one short sentence."  # with places, such as {label}
    dtype: str = "bfloat16"
    side: int = setting(336, least=28, most=10_000)  # pixels of the square on which a crop is laid

    def __post_init__(self) -> None:
        super().__post_init__()
        self.asks = Template(self.prompt)
        if self.num_beams > 1 and self.chosen != "transformers":
            raise ValueError(f"num_beams={self.num_beams}: servers don't search so; use num_beams=1")
        if self.num_beams > 1 and self.temperature > 0:
            raise ValueError(
                f"num_beams={self.num_beams} with temperature={self.temperature}: give one of them; use num_beams=1"
            )
        if not self.prompt.strip():
            raise ValueError(
                "prompt='': a chat model must be asked something; give "
                "prompt='Describe what is in this picture in one short sentence.'"
            )

    @property
    def longest(self) -> int:
        return self.max_new_tokens

    @property
    def sampling(self) -> Sampling:
        return replace(super().sampling, num_beams=self.num_beams, length_penalty=self.length_penalty)

    def questions(self, item: Item) -> Sequence[tuple[str, int]]:
        return [(self.prompt, 1)]

    def __call__(self, records: Sequence[Record]) -> None:
        for instance in (instance for record in records for instance in record.instances):
            instance.caption = instance.caption_source = None
        found = crops(records, self.wants)
        for crop, answer in zip(found, self.ask([self._question(crop) for crop in found]), strict=True):
            self.note(crop.instance, answer.text)

    def model(self) -> dict[str, Any]:
        return super().model() | {"side": self.side}

    def _question(self, crop: Crop) -> Request:
        text = self.asks.filled(crop.record, {"label": crop.instance.label})
        return self.request(crop.record, text, [on_square(crop.image, self.side, GREY)], number=crop.number)
