"""SAM 2, EdgeTAM and what of SAM 3 is asked with boxes, as transformers has them, framed here: no processor of theirs
is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labelyard.generate.steps.models.sam.ports import masks_at
from labelyard.generate.steps.tools.pixels import HALF, IMAGENET_MEAN, IMAGENET_STD
from labelyard.generate.steps.tools.weights import load_pretrained, torch_dtype

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor


def load_sam2(location: str, revision: str | None, device: str, dtype: str) -> Sam2Masker:
    from transformers import Sam2Model

    model = load_pretrained(Sam2Model, location, device=device, dtype=dtype, revision=revision)
    return Sam2Masker(model, dtype)


def load_edgetam(location: str, revision: str | None, device: str, dtype: str) -> Sam2Masker:
    """A small network that sees; the rest is SAM 2's."""
    from transformers import EdgeTamModel

    return Sam2Masker(load_pretrained(EdgeTamModel, location, device=device, dtype=dtype, revision=revision), dtype)


def load_sam3_for_boxes(location: str, revision: str | None, device: str, dtype: str) -> Sam2Masker:
    """SAM 3's tracker: SAM 2's way of asking behind SAM 3's encoder, which sees pixels in another scale."""
    from transformers import Sam3TrackerModel

    model = load_pretrained(Sam3TrackerModel, location, device=device, dtype=dtype, revision=revision)
    return Sam2Masker(model, dtype, mean=HALF, deviation=HALF)


class Sam2Masker:
    """The authors' frame: squeezed to a square, whatever its shape."""

    def __init__(
        self,
        model: Any,
        dtype: str,
        mean: tuple[float, ...] = IMAGENET_MEAN,
        deviation: tuple[float, ...] = IMAGENET_STD,
    ) -> None:
        self._model = model
        self._mean, self._deviation = mean, deviation
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
        return (squeezed - torch.tensor(self._mean)[:, None, None]) / torch.tensor(self._deviation)[:, None, None]

    def encode(self, pixels: Tensor) -> list[Any]:
        levels = self._model.get_image_embeddings(pixels.to(self._dtype))
        return [[level[i : i + 1] for level in levels] for i in range(len(pixels))]

    def decode(self, encoded: Any, boxes: Tensor, size: tuple[int, int]) -> Tensor:
        scaled = boxes * boxes.new_tensor([self.side / size[0], self.side / size[1]] * 2)
        answer = self._model(image_embeddings=encoded, input_boxes=scaled[None].to(self._dtype), multimask_output=False)
        logits: Tensor = answer.pred_masks[0, :, 0]
        return logits

    def decode_points(self, encoded: Any, points: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """For each point (n x 2, in pixels of the image) three masks' logits, and how sure it is of each."""
        scaled = points * points.new_tensor([self.side / size[0], self.side / size[1]])
        return masks_at(self._model, encoded, scaled.to(self._dtype))

    def restore(self, logits: Tensor, size: tuple[int, int]) -> Tensor:
        from torch.nn.functional import interpolate

        return interpolate(logits[None], (size[1], size[0]), mode="bilinear", align_corners=False)[0]
