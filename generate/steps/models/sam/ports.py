"""SAM and SAM-HQ as transformers has them, framed as by their authors: the long side to 1024, zeros below and right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labelyard.generate.errors import FatalError
from labelyard.generate.steps.models.sam import weight_names as sam_keys
from labelyard.generate.steps.models.sam.hq_decoder import box_logits, fine_edges
from labelyard.generate.steps.tools.pixels import IMAGENET_MEAN, IMAGENET_STD, size_by_long_side, to_tensor
from labelyard.generate.steps.tools.published import find_checkpoint
from labelyard.generate.steps.tools.weights import (
    kind,
    load_converted,
    load_pretrained,
    load_processor,
    read_state_dict,
    torch_dtype,
)

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor


def load_port(location: str, revision: str | None, hq: bool, device: str, dtype: str) -> Any:
    import transformers

    ports: Any = transformers
    model_class = ports.SamHQModel if hq else ports.SamModel
    if kind(location) == "file":
        weights = read_state_dict(str(find_checkpoint(location, revision)))
        config = sam_keys.config(weights, location, hq)
        return load_converted(model_class, config, sam_keys.convert(weights), location, device=device, dtype=dtype)
    _check_type(load_processor(ports.AutoConfig, location, revision).model_type, hq, location)
    return load_pretrained(model_class, location, device=device, dtype=dtype, revision=revision)


def _check_type(found: str, hq: bool, location: str) -> None:
    """SAM-HQ's weights hold all that SAM needs, so that the wrong one would load, and make masks of no model."""
    wanted = "sam_hq" if hq else "sam"
    if found != wanted:
        ours = ("sam", "sam_hq", "sam2", "edgetam")
        advice = f"choose the option {found}" if found in ours else "give a checkpoint of that model"
        raise FatalError(f"{location}: a checkpoint of {found!r}, where the option {wanted} needs {wanted!r}; {advice}")


class PaddedSquare:
    """The authors' frame: scaled to a long side, normalised, and filled up to a square with zeros."""

    def __init__(self, side: int) -> None:
        self.side = side

    def pixels(self, image: Image) -> Tensor:
        import torch
        from PIL.Image import Resampling

        scaled = image.resize(size_by_long_side(image.size, self.side), Resampling.BILINEAR)
        square = torch.zeros(3, self.side, self.side)
        square[:, : scaled.height, : scaled.width] = to_tensor(scaled, IMAGENET_MEAN, IMAGENET_STD)
        return square

    def boxes(self, boxes: Tensor, size: tuple[int, int]) -> Tensor:
        width, height = size_by_long_side(size, self.side)
        return boxes * boxes.new_tensor([width / size[0], height / size[1]] * 2)

    def restore(self, logits: Tensor, size: tuple[int, int]) -> Tensor:
        from torch.nn.functional import interpolate

        width, height = size_by_long_side(size, self.side)
        square = interpolate(logits[None], (self.side, self.side), mode="bilinear", align_corners=False)
        inside = square[..., :height, :width]
        return interpolate(inside, (size[1], size[0]), mode="bilinear", align_corners=False)[0]


class SamMasker(PaddedSquare):
    def __init__(self, model: Any, dtype: str) -> None:
        super().__init__(model.config.vision_config.image_size)
        self._model = model
        self._dtype = torch_dtype(dtype)
        self.encoder = model.vision_encoder

    def encode(self, pixels: Tensor) -> list[Any]:
        encoded = self._model.get_image_embeddings(pixels.to(self._dtype))
        return [encoded[i : i + 1] for i in range(len(pixels))]

    def decode(self, encoded: Any, boxes: Tensor, size: tuple[int, int]) -> Tensor:
        scaled = self.boxes(boxes, size).to(self._dtype)
        answer = self._model(image_embeddings=encoded, input_boxes=scaled[None], multimask_output=False)
        logits: Tensor = answer.pred_masks[0, :, 0]
        return logits

    def decode_points(self, encoded: Any, points: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """For each point (n x 2, in pixels of the image) three masks' logits, and how sure it is of each."""
        width, height = size_by_long_side(size, self.side)
        scaled = points * points.new_tensor([width / size[0], height / size[1]])
        return masks_at(self._model, encoded, scaled.to(self._dtype))


def masks_at(model: Any, encoded: Any, points: Tensor) -> tuple[Tensor, Tensor]:
    import torch

    labels = torch.ones(1, len(points), 1, dtype=torch.int64, device=points.device)
    answer = model(
        image_embeddings=encoded, input_points=points[None, :, None], input_labels=labels, multimask_output=True
    )
    return answer.pred_masks[0], answer.iou_scores[0]


class SamHQMasker(SamMasker):
    def encode(self, pixels: Tensor) -> list[Any]:
        embeddings, layers = self._model.get_image_embeddings(pixels.to(self._dtype))
        images = [(embeddings[i : i + 1], layers[0][i : i + 1]) for i in range(len(pixels))]
        return [(embedding, fine_edges(self._model, embedding, early)) for embedding, early in images]

    def decode(self, encoded: Any, boxes: Tensor, size: tuple[int, int]) -> Tensor:
        embedding, edges = encoded
        return box_logits(self._model, embedding, edges, self.boxes(boxes, size).to(self._dtype))
