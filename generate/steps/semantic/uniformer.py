"""`semantic=uniformer`: ADE20K's classes by UniFormer-S with an UPer head, as the annotators of ControlNet have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.errors import FatalError
from labelyard.generate.image_step import ImageStep
from labelyard.generate.model_step import ModelStep, batch_of
from labelyard.generate.record import Record
from labelyard.generate.settings import LONGEST_SIDE, setting
from labelyard.generate.steps.semantic.class_maps import picture
from labelyard.generate.steps.tools.pixels import IMAGENET_MEAN, IMAGENET_STD, to_tensor
from labelyard.generate.steps.tools.published import find_checkpoint
from labelyard.generate.steps.tools.shapes import built
from labelyard.generate.steps.tools.weights import read_state_dict, torch_dtype
from labelyard.utils.ade20k import NAMES

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

LONGEST = 4  # times the short side, of the picture that is looked at


@dataclass(frozen=True)
class Framed:
    pixels: Tensor
    size: tuple[int, int]


@dataclass(kw_only=True)
class UniFormer(ImageStep, ModelStep):
    reads: ClassVar[tuple[str, ...]] = ("image",)
    picture_of: ClassVar[str] = "semantic"

    checkpoint: str = "lllyasviel/Annotators/upernet_global_small.pth"
    # pixels to which the short side is brought, unless the long one became longer than four times that
    short_side: int = setting(512, least=32, most=LONGEST_SIDE)
    # images at once on a GPU, which one of this size fills; or auto
    batch_size: int | str = batch_of(1)

    def load(self) -> None:
        from labelyard.generate.steps.models.uniformer.network import UniFormer as Network

        state = read_state_dict(str(find_checkpoint(self.checkpoint, self.revision)))
        net = built(Network, state, self.checkpoint, "UniFormer with an UPer head")
        if net.decode_head.conv_seg.out_channels != len(NAMES):
            raise FatalError(
                f"checkpoint={self.checkpoint}: knows {net.decode_head.conv_seg.out_channels} classes, not the "
                f"{len(NAMES)} of ADE20K; give the published file"
            )
        self.loaded.net = net.to(self.device, torch_dtype(self.dtype))

    def __call__(self, records: Sequence[Record]) -> None:
        framed = [Framed(self._frame(record.image), record.image.size) for record in records]
        found = self.map(self._classes, framed, key=lambda one: one.pixels.shape, full=False)
        for record, classes in zip(records, found, strict=True):
            record.images[self.image] = picture(classes)

    def _frame(self, image: Image) -> Tensor:
        from PIL.Image import Resampling

        scale = min(self.short_side / min(image.size), LONGEST * self.short_side / max(image.size))
        width, height = (max(32, int(side * scale + 0.5)) for side in image.size)
        return to_tensor(image.resize((width, height), Resampling.BILINEAR), IMAGENET_MEAN, IMAGENET_STD)

    def _classes(self, framed: Sequence[Framed]) -> list[Any]:
        import torch
        from torch.nn.functional import interpolate

        pixels = torch.stack([one.pixels for one in framed]).to(self.device, torch_dtype(self.dtype))
        with torch.inference_mode():
            logits = interpolate(self.loaded.net(pixels).float(), pixels.shape[-2:], mode="bilinear")
            return [
                interpolate(one[None], its.size[::-1], mode="bilinear")[0].argmax(0).cpu().numpy()
                for one, its in zip(logits, framed, strict=True)
            ]
