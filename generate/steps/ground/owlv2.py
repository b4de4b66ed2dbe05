"""Boxes for the tags by OWLv2, which is asked for each tag by a sentence of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.record import Record
from labelyard.generate.settings import setting
from labelyard.generate.steps.ground.asking import Asked, Asking
from labelyard.generate.steps.ground.detections import Detection, to_instances
from labelyard.generate.steps.tools.pixels import CLIP_MEAN, CLIP_STD, square_by_blur
from labelyard.generate.steps.tools.weights import torch_dtype

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import Tensor


@dataclass(kw_only=True)
class Owlv2(Asking):
    """A box gets the tag that it scores best for. The text tower reads 16 tokens: what is longer is cut."""

    writes: ClassVar[tuple[str, ...]] = ("instances",)

    checkpoint: str = "google/owlv2-base-patch16-ensemble"  # a hub's id or a folder
    prompt: str = "a photo of a {tag}"  # what is asked for each tag
    box_threshold: float = setting(0.2, least=0, most=1)  # least score of a box
    # of two boxes that overlap more than this, the better one is kept
    iou_threshold: float = setting(0.5, least=0, most=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if "{tag}" not in self.prompt:
            raise ValueError(f"prompt={self.prompt!r}: needs {{tag}} where the tag goes")

    def load(self) -> None:
        from transformers import AutoTokenizer

        self.loaded.tokenizer = self.processor(AutoTokenizer)
        self.loaded.model = self.pretrained(self.model_class())

    def model_class(self) -> Any:
        from transformers import Owlv2ForObjectDetection

        return Owlv2ForObjectDetection

    def pixels(self, image: Image, side: int) -> Tensor:
        return square_by_blur(image, side, CLIP_MEAN, CLIP_STD)

    def spans(self, record: Record) -> tuple[float, float]:
        """What a box's numbers are parts of: here the image filled up to a square."""
        side = float(max(record.width, record.height))
        return side, side

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:  # each has its own tags, and so its own shape
            asked = self.asked(record)
            found = self._found(record, asked) if asked else []
            record.instances = to_instances(self.best(found, asked), record.width, record.height, self.iou_threshold)

    def _found(self, record: Record, asked: Sequence[Asked]) -> list[Detection]:
        scores, boxes = self._answer(record, [one.prompt for one in asked])
        width, height = self.spans(record)
        found = []
        for query in (scores.max(axis=1) > self.floor(asked)).nonzero()[0]:
            best = int(scores[query].argmax())
            x, y, w, h = (float(v) * side for v, side in zip(boxes[query], (width, height) * 2, strict=True))
            box = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
            found.append(Detection(box, float(scores[query, best]), asked[best].name))
        return found

    def _answer(self, record: Record, tags: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        import torch

        config = self.loaded.model.config
        # Replaced, not formatted: a tag may hold braces of its own.
        text = self.loaded.tokenizer(
            [self.prompt.replace("{tag}", tag) for tag in tags],
            padding="max_length",
            truncation=True,
            max_length=config.text_config.max_position_embeddings,
            return_tensors="pt",
        ).to(self.device)
        pixels = torch.stack([self.pixels(record.image, config.vision_config.image_size)])
        with torch.inference_mode():
            answer = self.loaded.model(
                input_ids=text["input_ids"],
                attention_mask=text["attention_mask"],
                pixel_values=pixels.to(self.device, torch_dtype(self.dtype)),
            )
        return answer.logits[0].float().sigmoid().cpu().numpy(), answer.pred_boxes[0].float().cpu().numpy()
