"""What detectors share that find the kinds of things that they were trained on, and are asked for nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.model_step import ModelStep, batch_of
from labelyard.generate.record import Record
from labelyard.generate.settings import setting
from labelyard.generate.steps.tools.weights import on_pillow

if TYPE_CHECKING:
    from torch import Tensor

NO_KIND = ("N/A", "no-object", "")


@dataclass(frozen=True)
class Framed:
    """An image as the processor of its checkpoint framed it."""

    inputs: dict[str, Tensor]  # a batch of one
    size: tuple[int, int]  # width, height of the image

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.inputs["pixel_values"].shape)


@dataclass(kw_only=True)
class ClosedDetector(ModelStep):
    reads: ClassVar[tuple[str, ...]] = ("image",)
    writes: ClassVar[tuple[str, ...]] = ("instances",)

    box_threshold: float = setting(0.5, least=0, most=1)  # least score of a box
    # of two boxes that overlap more than this, the better one is kept, whatever the labels; 1: these models answer for
    # each thing once
    iou_threshold: float = setting(1.0, least=0, most=1)
    # images at once on a GPU, which one of this size fills; or auto
    batch_size: int | str = batch_of(1)

    def model_class(self) -> Any:
        raise NotImplementedError

    def load(self) -> None:
        from transformers import AutoImageProcessor

        processors: Any = AutoImageProcessor
        self.loaded.processor = self.processor(processors, **on_pillow())
        self.loaded.model = self.pretrained(self.model_class())
        self.loaded.kinds = self.loaded.model.config.id2label

    def framed(self, record: Record) -> Framed:
        from labelyard.generate.steps.tools.pixels import aligned

        return Framed(aligned(self.loaded.processor(images=record.image, return_tensors="pt")), record.image.size)

    def kind(self, number: int) -> str | None:
        """What a number of the model's stands for; None where that is nothing."""
        name = str(self.loaded.kinds.get(number, "")).replace("_", " ").strip()
        return None if name in NO_KIND else name

    def answer(self, framed: Sequence[Framed]) -> Any:
        """Of the network, for images of one shape."""
        import torch

        from labelyard.generate.steps.tools.weights import torch_dtype

        pixels = torch.cat([one.inputs["pixel_values"] for one in framed]).to(self.device, torch_dtype(self.dtype))
        masks = [one.inputs["pixel_mask"] for one in framed if "pixel_mask" in one.inputs]
        given = {"pixel_mask": torch.cat(masks).to(self.device)} if masks else {}
        with torch.inference_mode():
            return self.loaded.model(pixel_values=pixels, **given)
