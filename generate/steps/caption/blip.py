"""`caption=blip`: the first BLIP, small enough for a CPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labelyard.generate.steps.caption.captioner import Captioner, without_prompt
from labelyard.generate.steps.tools.torch_compile import compile_in_place
from labelyard.generate.steps.tools.weights import torch_dtype

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(kw_only=True)
class BLIP(Captioner):
    """`prompt` is the caption's beginning ("a picture of"), and no part of what is kept."""

    checkpoint: str = "Salesforce/blip-image-captioning-large"
    compile: bool = False  # what looks at the crops by torch.compile: a minute at the start, other last digits

    def load(self) -> None:
        from transformers import AutoImageProcessor, AutoTokenizer, BlipForConditionalGeneration

        self.loaded.model = self.pretrained(BlipForConditionalGeneration)
        if self.compile:
            compile_in_place(self.loaded.model.vision_model)
        self.loaded.images = self.processor(AutoImageProcessor)
        self.loaded.tokenizer = self.processor(AutoTokenizer)
        self.loaded.prompt = self.loaded.tokenizer(self.prompt)["input_ids"]
        self.loaded.prompt[0] = self.loaded.model.config.text_config.bos_token_id

    def model(self) -> dict[str, Any]:
        return super().model() | ({"compile": True} if self.compile else {})

    def ready(self, image: Image) -> Any:
        return self.loaded.images(images=[image], return_tensors="pt")["pixel_values"][0]

    def describe(self, images: Sequence[Any]) -> list[str]:
        import torch

        pixels = torch.stack(list(images))
        prompt = torch.tensor([self.loaded.prompt] * len(images), device=self.device)
        with torch.inference_mode():
            answers = self.loaded.model.generate(
                pixel_values=pixels.to(self.device, torch_dtype(self.dtype)),
                input_ids=prompt.clone(),
                attention_mask=torch.ones_like(prompt),
                **self.generation(),
            )
        # The model goes on from the prompt without its end mark.
        words = without_prompt(answers, prompt[:, :-1])
        texts: list[str] = self.loaded.tokenizer.batch_decode(words, skip_special_tokens=True)
        return texts
