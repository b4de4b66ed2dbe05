"""A mask for every box by SAM 2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labelyard.generate.steps.segment.box_masks import BoxMasks, Masker
from labelyard.generate.steps.tools.pixels import IMAGENET_MEAN, IMAGENET_STD
from labelyard.generate.steps.tools.weights import load_pretrained, torch_dtype

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor


@dataclass(kw_only=True)
class Sam2(BoxMasks):
    """`checkpoint` is a hub id or a transformers folder. Framed here, so that torchvision is not needed."""

    checkpoint: str = "facebook/sam2.1-hiera-large"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.compile:
            raise ValueError("compile=true: SAM 2 is not compiled; the options sam and sam_hq can be")

    def load_masker(self, device: str) -> Masker:
        from transformers import Sam2Model

        model = load_pretrained(Sam2Model, self.checkpoint, device=device, dtype=self.dtype, revision=self.revision)
        return Sam2Masker(model, self.dtype)


class Sam2Masker:
    """The authors' frame: squeezed to a square, whatever its shape."""

    def __init__(self, model: Any, dtype: str) -> None:
        self._model = model
        self._dtype = torch_dtype(dtype)
        self.encoder = model.vision_encoder
        side = model.config.prompt_encoder_config.image_size
        self.side: int = side if isinstance(side, int) else side[0]

    def pixels(self, image: Image) -> Tensor:
        import torch
        from torch.nn.functional import interpolate

        from labelyard.generate.steps.tools.pixels import to_tensor

        whole = to_tensor(image, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))[None]
        size = (self.side, self.side)
        squeezed = interpolate(whole, size, mode="bilinear", align_corners=False, antialias=True)[0]
        return (squeezed - torch.tensor(IMAGENET_MEAN)[:, None, None]) / torch.tensor(IMAGENET_STD)[:, None, None]

    def encode(self, pixels: Tensor) -> list[Any]:
        levels = self._model.get_image_embeddings(pixels.to(self._dtype))
        return [[level[i : i + 1] for level in levels] for i in range(len(pixels))]

    def decode(self, encoded: Any, boxes: Tensor, size: tuple[int, int]) -> Tensor:
        scaled = boxes * boxes.new_tensor([self.side / size[0], self.side / size[1]] * 2)
        answer = self._model(image_embeddings=encoded, input_boxes=scaled[None].to(self._dtype), multimask_output=False)
        logits: Tensor = answer.pred_masks[0, :, 0]
        return logits

    def restore(self, logits: Tensor, size: tuple[int, int]) -> Tensor:
        from torch.nn.functional import interpolate

        return interpolate(logits[None], (size[1], size[0]), mode="bilinear", align_corners=False)[0]
