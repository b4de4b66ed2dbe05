"""SAM 3 as transformers has it, framed here, so that torchvision is not needed.

An image is encoded once, however many names are asked for in it, and a name once in a worker's life.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labelyard.generate.steps.tools.pixels import HALF, to_tensor
from labelyard.generate.steps.tools.weights import load_pretrained, load_processor, torch_dtype

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

LONGEST_NAME = 32  # tokens
REMEMBERED = 2048  # names whose encoding is kept


@dataclass(frozen=True)
class Things:
    """What goes by one name in one image."""

    scores: list[float]
    boxes: Tensor  # corners, relative to the image
    masks: Tensor  # logits, at the size of the network's answer


class Sam3Network:
    def __init__(self, checkpoint: str, revision: str | None, dtype: str, device: str) -> None:
        from transformers import AutoTokenizer, Sam3Model

        self._device, self._dtype = device, torch_dtype(dtype)
        self.tokenizer: Any = load_processor(AutoTokenizer, checkpoint, revision)
        model: Any = load_pretrained(Sam3Model, checkpoint, device=device, dtype=dtype, revision=revision)
        self.model = model
        size = model.config.vision_config.image_size
        self._side: int = size if isinstance(size, int) else size[0]
        self.names: OrderedDict[str, tuple[Tensor, Tensor]] = OrderedDict()

    def pixels(self, image: Image) -> Tensor:
        """Squeezed to a square, whatever its shape."""
        from PIL.Image import Resampling

        return to_tensor(image.resize((self._side, self._side), Resampling.BILINEAR), HALF, HALF)

    def seen(self, pixels: Sequence[Tensor]) -> Any:
        import torch

        with torch.inference_mode():
            return self.model.get_vision_features(torch.stack(list(pixels)).to(self._device, self._dtype))

    def things(self, seen: Any, number: int, prompts: Sequence[str], least: float, at_once: int) -> list[Things]:
        """For each prompt what the `number`-th of the images that were seen has of it. A score is that of the thing,
        times how sure the model is that there is any of it."""
        import torch

        found: list[Things] = []
        with torch.inference_mode():
            for start in range(0, len(prompts), at_once):
                some = prompts[start : start + at_once]
                answer = self._answer(seen, number, some)
                chances = (answer.pred_logits.float().sigmoid() * answer.presence_logits.float().sigmoid()).cpu()
                for place in range(len(some)):
                    kept = (chances[place] > least).nonzero()[:, 0]
                    boxes, masks = answer.pred_boxes[place][kept].float(), answer.pred_masks[place][kept].float()
                    found.append(Things(chances[place][kept].tolist(), boxes, masks))
        return found

    def _answer(self, seen: Any, number: int, prompts: Sequence[str]) -> Any:
        import torch
        from transformers.modeling_outputs import BaseModelOutputWithPooling

        features, masks = zip(*map(self._name, prompts), strict=True)
        count = len(prompts)

        def repeated(levels: Sequence[Tensor]) -> tuple[Tensor, ...]:
            return tuple(level[number : number + 1].expand(count, *level.shape[1:]) for level in levels)

        views = type(seen)(
            fpn_hidden_states=repeated(seen.fpn_hidden_states),
            fpn_position_encoding=repeated(seen.fpn_position_encoding),
        )
        text = BaseModelOutputWithPooling(pooler_output=torch.cat(features))
        return self.model(vision_embeds=views, text_embeds=text, attention_mask=torch.cat(masks))

    def _name(self, prompt: str) -> tuple[Tensor, Tensor]:
        """Encoded; by itself, so that it does not depend on what else is asked for."""
        if prompt not in self.names:
            inputs = self.tokenizer(
                prompt, return_tensors="pt", padding="max_length", truncation=True, max_length=LONGEST_NAME
            ).to(self._device)
            mask = inputs["attention_mask"]
            text = self.model.get_text_features(inputs["input_ids"], mask, return_dict=True)
            self.names[prompt] = (text.pooler_output, mask)
            if len(self.names) > REMEMBERED:
                self.names.popitem(last=False)
        self.names.move_to_end(prompt)
        return self.names[prompt]
