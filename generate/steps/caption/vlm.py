"""`caption=vlm`: any image-text-to-text model of transformers that comes with a chat template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from labelyard.generate.errors import FatalError
from labelyard.generate.settings import setting
from labelyard.generate.steps.caption.captioner import Captioner, without_prompt
from labelyard.generate.steps.caption.crops import on_square
from labelyard.generate.steps.models.chat.processor import load_chat_processor
from labelyard.generate.steps.tools.pixels import aligned
from labelyard.generate.steps.tools.weights import load_pretrained, missing_package, torch_dtype
from labelyard.utils.text import one_line

if TYPE_CHECKING:
    from PIL.Image import Image

GREY = (0.48145466, 0.4578275, 0.40821073)  # CLIP's mean colour, which most of these models see as nothing


@dataclass(kw_only=True)
class VLM(Captioner):
    """LLaVA, LLaVA-NeXT, OneVision, Qwen2-VL and its successors, and whatever comes with the same interface.

    Each crop is laid on a grey square of `side` pixels. Many of these models make as many tokens as a picture has
    pixels; on squares of one size they make equally many of each crop, so nothing is padded, and no crop is too thin.
    """

    checkpoint: str = "llava-hf/llava-1.5-7b-hf"
    prompt: str = "Describe what is in this picture in one short sentence."
    dtype: str = "bfloat16"
    side: int = setting(336, least=28, most=10_000)  # pixels of the square on which a crop is laid

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.prompt.strip():
            raise ValueError(
                "prompt='': a chat model must be asked something; give "
                "prompt='Describe what is in this picture in one short sentence.'"
            )

    def load(self) -> None:
        from transformers import AutoModelForImageTextToText

        self.loaded.processor = load_chat_processor(self.checkpoint, self.revision)
        self.loaded.question = self._ask()
        self.loaded.model = cast(
            Any,
            load_pretrained(
                AutoModelForImageTextToText,
                self.checkpoint,
                device=self.device,
                dtype=self.dtype,
                revision=self.revision,
            ),
        )
        tokenizer = self.loaded.processor.tokenizer
        self.loaded.pad = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id

    def describe(self, images: Sequence[Image]) -> list[str]:
        import torch

        squares = [[on_square(image, self.side, GREY)] for image in images]
        given = self.loaded.processor(images=squares, text=[self.loaded.question] * len(squares), return_tensors="pt")
        given = given.to(self.device, torch_dtype(self.dtype))
        with torch.inference_mode():
            answers = self.loaded.model.generate(**aligned(given), **self.generation(), pad_token_id=self.loaded.pad)
        words = without_prompt(answers, given["input_ids"])
        texts: list[str] = self.loaded.processor.tokenizer.batch_decode(words, skip_special_tokens=True)
        return texts

    def model(self) -> dict[str, Any]:
        return super().model() | {"side": self.side}

    def _ask(self) -> str:
        content = [{"type": "image"}, {"type": "text", "text": self.prompt}]
        try:
            question: str = self.loaded.processor.apply_chat_template(
                [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
            )
        except Exception as error:  # no template, or one that wants something else: jinja raises what it likes
            if package := missing_package(error):
                raise FatalError(f"{self.checkpoint}: its chat template needs {package}") from error
            raise FatalError(
                f"{self.checkpoint}: its chat template can't be used ({one_line(str(error), 160)}); "
                "give the folder or hub id of a chat model, with chat_template.jinja or chat_template.json"
            ) from error
        return question
