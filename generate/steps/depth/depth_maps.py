"""What the depth estimators share: a 16-bit picture that turns back into numbers, and each instance's median."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.image_step import ImageStep
from labelyard.generate.model_step import ModelStep, batch_of
from labelyard.generate.record import Box, Instance, MadeImage, Record
from labelyard.generate.roles import objects_or_floating
from labelyard.generate.settings import setting
from labelyard.generate.steps.tools.weights import on_pillow, torch_dtype

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import Tensor

TOP = 65535
WITHIN = ("mask", "box")
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

    picture_of: ClassVar[str] = "depth"
    keep: bool = True  # false: the instances' medians alone, and no picture
    within: str = setting("mask", words=WITHIN)  # of what a median is: of the mask, where there is one, or of the box
    of_floating: bool = True  # false: floating instances have medians only where there are no objects
    # a value which says that nothing was measured there: left out of medians
    nothing: float | None = setting(None, least=-1e9, most=1e9)
    # images at once on a GPU, which one of this size fills; or auto
    batch_size: int | str = batch_of(1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.keep_given and not self.keep:
            raise ValueError("keep_given=true: there is no picture to keep with keep=false; use keep_given=false")

    @property
    def reads(self) -> tuple[str, ...]:
        return ("image",) if self.keep else ("image", "instances")

    @property
    def writes(self) -> tuple[str, ...]:
        return (*(super().writes if self.keep else ()), f"instances.median_{self.image}")

    def model_class(self) -> Any:
        raise NotImplementedError

    def kind(self, config: Any) -> str:
        """What the network's numbers are: 'inverse' (relative, near is large) or 'metric' (metres)."""
        raise NotImplementedError

    def load(self) -> None:
        import transformers

        ports: Any = transformers
        self.loaded.processor = self.processor(ports.AutoImageProcessor, **on_pillow())
        self.loaded.model = self.pretrained(self.model_class())
        self.loaded.kind = self.kind(self.loaded.model.config)

    def __call__(self, records: Sequence[Record]) -> None:
        images = [self._framed(record.image) for record in records]
        depths = self.map(self._estimate, images, key=lambda pixels: pixels.tensor.shape, full=False)
        for record, depth in zip(records, depths, strict=True):
            if self.keep:
                record.images[self.image] = picture(depth, self.loaded.kind)
            self._note_medians(record, depth)

    def _note_medians(self, record: Record, depth: NDArray[np.float32]) -> None:
        wanted = {id(one) for one in (record.instances if self.of_floating else objects_or_floating(record.instances))}
        for instance in record.instances:
            instance.extra.pop(f"median_{self.image}", None)
            median = self._median(depth, instance) if id(instance) in wanted else None
            if median is not None:
                instance.extra[f"median_{self.image}"] = median

    def _median(self, depth: NDArray[np.float32], instance: Instance) -> float | None:
        if self.within == "box":
            return median_in_box(depth, instance.box, self.nothing)
        return median_of(depth, instance, self.nothing)

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


def median_of(depth: NDArray[np.float32], instance: Instance, nothing: float | None = None) -> float | None:
    """Inside the mask, or inside the box where there is no mask or nothing in it. None: nothing was measured there."""
    from labelyard.utils.rle import decode

    if instance.mask is not None:
        inside = decode(instance.mask)
        if inside.any():
            return _median(depth[inside], nothing)
    height, width = depth.shape
    x1, y1, x2, y2 = instance.box
    left, top = min(int(x1), width - 1), min(int(y1), height - 1)
    right, bottom = max(left + 1, round(x2)), max(top + 1, round(y2))
    return _median(depth[top:bottom, left:right], nothing)


def median_in_box(depth: NDArray[np.float32], box: Box, nothing: float | None = None) -> float | None:
    """Of the box without the parts of pixels at its edges, as far as it lies in the image."""
    height, width = depth.shape
    x1, y1, x2, y2 = map(int, box)
    return _median(depth[max(0, y1) : max(0, min(height, y2)), max(0, x1) : max(0, min(width, x2))], nothing)


def _median(values: NDArray[np.float32], nothing: float | None) -> float | None:
    import numpy as np

    measured = values[np.isfinite(values)] if nothing is None else values[np.isfinite(values) & (values != nothing)]
    return float(np.median(measured)) if measured.size else None
