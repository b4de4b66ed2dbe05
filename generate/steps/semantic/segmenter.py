"""`semantic=upernet`: a class for each pixel, by whichever model of transformers that has learned ADE20K's 150."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.errors import FatalError
from labelyard.generate.image_step import ImageStep
from labelyard.generate.model_step import ModelStep, batch_of
from labelyard.generate.record import Record
from labelyard.generate.steps.semantic.class_maps import in_order, picture
from labelyard.generate.steps.tools.pixels import aligned
from labelyard.generate.steps.tools.weights import on_pillow, torch_dtype
from labelyard.utils.ade20k import COLOURS

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(kw_only=True)
class Segmenter(ImageStep, ModelStep):
    """UperNet, SegFormer, BEiT and the like say it of each pixel; Mask2Former, OneFormer and EoMT of masks."""

    reads: ClassVar[tuple[str, ...]] = ("image",)
    picture_of: ClassVar[str] = "semantic"

    checkpoint: str = "openmmlab/upernet-swin-large"
    # images at once on a GPU, which one of this size fills; or auto
    batch_size: int | str = batch_of(1)

    def load(self) -> None:
        import transformers

        ports: Any = transformers
        config = self.processor(ports.AutoConfig)
        if len(config.id2label) > len(COLOURS):
            raise FatalError(
                f"checkpoint={self.checkpoint}: knows {len(config.id2label)} classes, and a palette is there for "
                f"{len(COLOURS)}; give one that was trained on ADE20K"
            )
        universal = type(config) in ports.AutoModelForUniversalSegmentation._model_mapping
        kind = ports.AutoModelForUniversalSegmentation if universal else ports.AutoModelForSemanticSegmentation
        self.loaded.names = in_order(config.id2label)
        self.loaded.processor = self.processor(ports.AutoImageProcessor, **on_pillow())
        self.loaded.net = self.pretrained(kind)

    def __call__(self, records: Sequence[Record]) -> None:
        found = self.map(self._classes, [record.image for record in records], key=lambda image: image.size, full=False)
        for record, classes in zip(records, found, strict=True):
            record.images[self.image] = picture(classes, self.loaded.names)

    def _classes(self, images: Sequence[Image]) -> list[Any]:
        import torch

        given = self.loaded.processor(images=list(images), return_tensors="pt")
        given = given.to(self.device, torch_dtype(self.dtype))
        with torch.inference_mode():
            answer = self.loaded.net(**aligned(given))
            found = self.loaded.processor.post_process_semantic_segmentation(
                answer, target_sizes=[image.size[::-1] for image in images]
            )
        return [one.cpu().numpy() for one in found]
