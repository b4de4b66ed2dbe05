"""What the depth estimators share: a 16-bit picture that turns back into numbers, and each instance's median."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.compute.batches import AUTO
from labelyard.generate.record import Instance, MadeImage, Record
from labelyard.generate.step import Checkpoint, Step, transient
from labelyard.generate.steps.tools.weights import check_dtype, load_pretrained, load_processor, on_pillow, torch_dtype

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
class DepthMaps(Step):
    """Comes after `ground` (and `segment`) in a pipeline that has them, for the instances' medians."""

    reads: ClassVar[tuple[str, ...]] = ("image",)
    writes: ClassVar[tuple[str, ...]] = ("images.depth", "instances.median_depth")

    checkpoint: str  # a hub's id or a folder
    revision: str | None = None  # of a hub's repository: a branch, tag or commit
    dtype: str = "float32"  # of weights and activations: float32, bfloat16 or float16
    # images at once on a GPU, which one of this size fills; or auto
    batch_size: int | str = transient(1, least=1, most=100_000, words=(AUTO,))

    def __post_init__(self) -> None:
        check_dtype(self.dtype)

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        return (Checkpoint(self.checkpoint, self.revision),)

    def model_class(self) -> Any:
        raise NotImplementedError

    def kind(self, config: Any) -> str:
        """What the network's numbers are: 'inverse' (relative, near is large) or 'metric' (metres)."""
        raise NotImplementedError

    def setup(self, device: str) -> None:
        import transformers

        self._device = device
        ports: Any = transformers
        self._processor: Any = load_processor(ports.AutoImageProcessor, self.checkpoint, self.revision, **on_pillow())
        self._model: Any = load_pretrained(
            self.model_class(), self.checkpoint, device=device, dtype=self.dtype, revision=self.revision
        )
        self._kind = self.kind(self._model.config)

    def __call__(self, records: Sequence[Record]) -> None:
        images = [self._framed(record.image) for record in records]
        depths = self.map(self._estimate, images, key=lambda pixels: pixels.tensor.shape, full=False)
        for record, depth in zip(records, depths, strict=True):
            record.images["depth"] = picture(depth, self._kind)
            for instance in record.instances:
                instance.extra["median_depth"] = median_of(depth, instance)

    def _framed(self, image: Image) -> Pixels:
        return Pixels(self._processor(images=image, return_tensors="pt")["pixel_values"][0], image.size)

    def _estimate(self, images: Sequence[Pixels]) -> list[NDArray[np.float32]]:
        """Depth at the size of each image."""
        import torch
        from torch.nn.functional import interpolate

        stacked = torch.stack([pixels.tensor for pixels in images]).to(self._device, torch_dtype(self.dtype))
        with torch.inference_mode():
            found = self._model(pixel_values=stacked).predicted_depth.float()
            back = [
                interpolate(one[None, None], pixels.size[::-1], mode="bicubic", align_corners=False)[0, 0]
                for one, pixels in zip(found, images, strict=True)
            ]
        return [one.cpu().numpy() for one in back]

    def model(self) -> dict[str, Any]:
        made = {"name": type(self).__name__, "checkpoint": self.checkpoint, "dtype": self.dtype}
        return made | ({"revision": self.revision} if self.revision else {})


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
