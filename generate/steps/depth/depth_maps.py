"""What the depth estimators share: a 16-bit picture that turns back into numbers, and each instance's median."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.image_step import ImageStep
from labelyard.generate.model_step import ModelStep, batch_of
from labelyard.generate.record import Instance, MadeImage, Record
from labelyard.generate.steps.tools.weights import load_pretrained, load_processor, on_pillow, torch_dtype

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import Tensor

TOP = 65535
INVERSE = "inverse"
METRIC = "metric"


@dataclass(frozen=True)
class Pixels:
    """One image as the processor of its checkpoint framed it, and the size to come back to."""

    tensor: Tensor
    size: tuple[int, int]  # width, height


@dataclass(kw_only=True)
class DepthMaps(ImageStep, ModelStep):
    """Comes after `ground` (and `segment`) in a pipeline that has them, for the instances' medians."""

    reads: ClassVar[tuple[str, ...]] = ("image",)
    picture_of: ClassVar[str] = "depth"
    # images at once on a GPU, which one of this size fills; or auto
    batch_size: int | str = batch_of(1)

    @property
    def writes(self) -> tuple[str, ...]:
        return (*super().writes, f"instances.median_{self.image}")

    def model_class(self) -> Any:
        raise NotImplementedError

    def kind(self, config: Any) -> str:
        """What the network's numbers are: 'inverse' (relative, near is large) or 'metric' (metres)."""
        raise NotImplementedError

    def load(self) -> None:
        import transformers

        ports: Any = transformers
        self.loaded.processor = load_processor(ports.AutoImageProcessor, self.checkpoint, self.revision, **on_pillow())
        self.loaded.model = load_pretrained(
            self.model_class(), self.checkpoint, device=self.device, dtype=self.dtype, revision=self.revision
        )
        self.loaded.kind = self.kind(self.loaded.model.config)

    def __call__(self, records: Sequence[Record]) -> None:
        images = [self._framed(record.image) for record in records]
        depths = self.map(self._estimate, images, key=lambda pixels: pixels.tensor.shape, full=False)
        for record, depth in zip(records, depths, strict=True):
            record.images[self.image] = picture(depth, self.loaded.kind)
            for instance in record.instances:
                instance.extra[f"median_{self.image}"] = median_of(depth, instance)

    def _framed(self, image: Image) -> Pixels:
        return Pixels(self.loaded.processor(images=image, return_tensors="pt")["pixel_values"][0], image.size)

    def _estimate(self, images: Sequence[Pixels]) -> list[NDArray[np.float32]]:
        """Depth at the size of each image."""
        import torch
        from torch.nn.functional import interpolate

        stacked = torch.stack([pixels.tensor for pixels in images]).to(self.device, torch_dtype(self.dtype))
        with torch.inference_mode():
            found = self.loaded.model(pixel_values=stacked).predicted_depth.float()
            back = [
                interpolate(one[None, None], pixels.size[::-1], mode="bicubic", align_corners=False)[0, 0]
                for one, pixels in zip(found, images, strict=True)
            ]
        return [one.cpu().numpy() for one in back]


def picture(depth: NDArray[np.float32], kind: str) -> MadeImage:
    """The whole range of 16 bits, so that value = pixel * scale + offset."""
    import numpy as np
    from PIL import Image as Pillow

    low, high = float(depth.min()), float(depth.max())
    scale = (high - low) / TOP or 1.0
    pixels = np.rint((depth.astype(np.float64) - low) / scale).astype(np.uint16)
    metric = kind == METRIC
    meta = {
        "scale": scale,
        "offset": low,
        "unit": "metre" if metric else "relative inverse depth",
        "near_is_large": not metric,
        "value": "pixel * scale + offset",
    }
    return MadeImage(Pillow.fromarray(pixels), meta)


def median_of(depth: NDArray[np.float32], instance: Instance) -> float:
    """Inside the mask, or inside the box where there is no mask or nothing in it."""
    import numpy as np

    from labelyard.utils.rle import decode

    if instance.mask is not None:
        inside = decode(instance.mask)
        if inside.any():
            return float(np.median(depth[inside]))
    height, width = depth.shape
    x1, y1, x2, y2 = instance.box
    left, top = min(int(x1), width - 1), min(int(y1), height - 1)
    right, bottom = max(left + 1, round(x2)), max(top + 1, round(y2))
    return float(np.median(depth[top:bottom, left:right]))
