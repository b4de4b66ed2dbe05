"""`caption=blip2`: BLIP-2 by transformers, with flan-t5-xxl as the original or any other of its language models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labelyard.generate.checkpoint import Licence
from labelyard.generate.step import Checkpoint
from labelyard.generate.steps.caption.captioner import Captioner, without_prompt
from labelyard.generate.steps.tools.licences import licence_of
from labelyard.generate.steps.tools.torch_compile import check_compile, compile_in_place
from labelyard.generate.steps.tools.weights import torch_dtype

if TYPE_CHECKING:
    from PIL.Image import Image

BACKENDS = ("port", "native")


@dataclass(kw_only=True)
class BLIP2(Captioner):
    """bfloat16 as in LAVIS: flan-t5 overflows in float16, and in float32 the largest does not fit a GPU.

    With backend=native LAVIS itself answers, and `checkpoint` is not read: see `native_model`.
    """

    checkpoint: str = "Salesforce/blip2-flan-t5-xxl"
    dtype: str = "bfloat16"
    backend: str = "port"  # port, or native: LAVIS
    compile: bool = False  # what looks at the crops by torch.compile: a minute at the start, other last digits
    native_model: str = "blip2_t5/pretrain_flant5xxl"  # LAVIS's own name and type of a model

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.backend not in BACKENDS:
            raise ValueError(f"backend={self.backend!r}: unknown; one of {', '.join(BACKENDS)}")
        check_compile(self.compile, self.backend)

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        return () if self.backend == "native" else super().checkpoints()

    def licences(self) -> dict[str, Licence | None]:
        if self.backend != "native":
            return super().licences()
        location = f"lavis:{self.native_model}"
        return {location: licence_of(Checkpoint(location))}

    def load(self) -> None:
        if self.backend == "native":
            from labelyard.generate.steps.models.lavis import native as lavis_native

            self.loaded.native = lavis_native.load(self.native_model, self.device)
            return
        from transformers import AutoImageProcessor, AutoTokenizer, Blip2ForConditionalGeneration

        self.loaded.model = self.pretrained(Blip2ForConditionalGeneration)
        if self.compile:
            compile_in_place(self.loaded.model.vision_model)
        self.loaded.images = self.processor(AutoImageProcessor)
        self.loaded.tokenizer = self.processor(AutoTokenizer)
        # The same for every crop, so nothing is ever padded: the places of the picture, then the prompt's tokens
        # (an empty one is not nothing: T5 gets its end mark, OPT its start mark, as in LAVIS).
        config = self.loaded.model.config
        places = [config.image_token_index] * config.num_query_tokens
        self.loaded.prompt = places + self.loaded.tokenizer(self.prompt)["input_ids"]

    def ready(self, image: Image) -> Any:
        if self.backend == "native":
            return image
        return self.loaded.images(images=[image], return_tensors="pt")["pixel_values"][0]

    def describe(self, images: Sequence[Any]) -> list[str]:
        if self.backend == "native":
            said: list[str] = self.loaded.native(images, self.prompt, self.generation())
            return said
        import torch

        pixels = torch.stack(list(images))
        prompt = torch.tensor([self.loaded.prompt] * len(images), device=self.device)
        with torch.inference_mode():
            answers = self.loaded.model.generate(
                pixel_values=pixels.to(self.device, torch_dtype(self.dtype)),
                input_ids=prompt,
                attention_mask=torch.ones_like(prompt),
                **self.generation(),
            )
        texts: list[str] = self.loaded.tokenizer.batch_decode(without_prompt(answers, prompt), skip_special_tokens=True)
        return texts

    def model(self) -> dict[str, Any]:
        if self.backend == "native":
            return super().model() | {"backend": "native", "checkpoint": f"lavis:{self.native_model}"}
        return super().model() | {"backend": "port"} | ({"compile": True} if self.compile else {})
