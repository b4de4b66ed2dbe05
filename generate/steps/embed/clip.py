"""`embed=clip`: label and caption of every instance by CLIP's text tower, the pooled vector before the projection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.errors import FatalError
from labelyard.generate.model_step import ModelStep, batch_of
from labelyard.generate.record import Record
from labelyard.generate.steps.tools.torch_compile import compile_in_place

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHORT = 16  # tokens; most labels and captions are no longer, and a full 77 takes five times as long


@dataclass(kw_only=True)
class CLIP(ModelStep):
    """float32 [1, width], 768 numbers for the large model; a text of more tokens than the tower reads is cut.

    A text is padded to a length that it alone decides. What stands behind its end changes nothing: the tower looks only
    backwards.
    """

    reads: ClassVar[tuple[str, ...]] = ("instances", "instances.caption")
    writes: ClassVar[tuple[str, ...]] = ("instances.label_embedding", "instances.caption_embedding")

    checkpoint: str = "openai/clip-vit-large-patch14"  # a hub's id or a folder
    compile: bool = False  # the tower by torch.compile: a minute at the start, other last digits
    # texts at once on a GPU; or auto
    batch_size: int | str = batch_of(32)

    def load(self) -> None:
        from transformers import AutoTokenizer, CLIPTextModel

        # Not CLIPModel: transformers 5 made its pooled text the projected one.
        self.loaded.model = self.pretrained(CLIPTextModel)
        self.loaded.tokenizer = self.processor(AutoTokenizer)
        self.loaded.longest = int(self.loaded.model.config.max_position_embeddings)
        end = getattr(self.loaded.tokenizer, "eos_token_id", None)
        if end is None or self.loaded.tokenizer.vocab_size > self.loaded.model.config.vocab_size:
            raise FatalError(f"{self.checkpoint}: its tokenizer is not this CLIP's; fetch the whole folder again")
        if self.compile:
            compile_in_place(self.loaded.model)
        self.loaded.labels = {}  # few different ones in a run, each asked for many times

    def __call__(self, records: Sequence[Record]) -> None:
        instances = [instance for record in records for instance in record.instances]
        new_labels = {i.label for i in instances} - self.loaded.labels.keys()
        captions = {i.caption for i in instances if i.caption}
        found = self._embed(sorted(new_labels | captions))
        self.loaded.labels.update({label: found[label] for label in new_labels})
        for instance in instances:
            instance.label_embedding = self.loaded.labels[instance.label].copy()
            instance.caption_embedding = found[instance.caption].copy() if instance.caption else None

    def model(self) -> dict[str, Any]:
        made = super().model() | {"name": "CLIP text tower"}
        if self.compile:
            made["compile"] = True
        return made | {"vector": "pooled, before the projection"}

    def _embed(self, texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        if not texts:
            return {}
        tokens = self.loaded.tokenizer(list(texts), truncation=True, max_length=self.loaded.longest)["input_ids"]
        return dict(zip(texts, self.map(self._forward, tokens, key=self._padded_length), strict=True))

    def _padded_length(self, tokens: Sequence[int]) -> int:
        return SHORT if len(tokens) <= SHORT else self.loaded.longest

    def _forward(self, tokens: Sequence[list[int]]) -> list[NDArray[np.float32]]:
        import torch

        length = self._padded_length(tokens[0])
        pad = self.loaded.tokenizer.pad_token_id
        pad = self.loaded.tokenizer.eos_token_id if pad is None else pad
        ids = torch.tensor([row + [pad] * (length - len(row)) for row in tokens], device=self.device)
        seen = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in tokens], device=self.device)
        with torch.inference_mode():
            pooled = self.loaded.model(input_ids=ids, attention_mask=seen).pooler_output
        return list(pooled.float().cpu().numpy()[:, None])
