"""What steps share whose network makes a picture of a picture: edges, lines, normals, classes, mattes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.image_step import ImageStep
from labelyard.generate.model_step import ModelStep, batch_of
from labelyard.generate.record import MadeImage, Record
from labelyard.generate.steps.tools.packaged import missing
from labelyard.generate.steps.tools.weights import torch_dtype

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor


@dataclass(frozen=True)
class Framed:
    """A picture as the network wants it."""

    pixels: Tensor
    size: tuple[int, int]  # of the picture itself: width, height


@dataclass(kw_only=True)
class NetPicture(ImageStep, ModelStep):
    reads: ClassVar[tuple[str, ...]] = ("image",)

    # images at once on a GPU, which one of this size fills; or auto
    batch_size: int | str = batch_of(1)

    def frame(self, image: Image) -> Tensor:
        raise NotImplementedError

    def answer(self, pixels: Tensor) -> Sequence[Any]:
        """The network over a batch, one answer for each picture."""
        raise NotImplementedError

    def picture(self, answer: Any, size: tuple[int, int]) -> Image:
        """What is kept, of an answer about a picture of this size."""
        raise NotImplementedError

    def meta(self) -> dict[str, Any]:
        """What one needs to read the picture."""
        return {}

    def __call__(self, records: Sequence[Record]) -> None:
        framed = [Framed(self.frame(record.image), record.image.size) for record in records]
        made = self.map(self._pictures, framed, key=lambda one: one.pixels.shape, full=False)
        for record, picture in zip(records, made, strict=True):
            record.images[self.image] = MadeImage(picture, self.meta())

    def _pictures(self, framed: Sequence[Framed]) -> list[Image]:
        import torch

        with torch.inference_mode():
            stacked = torch.stack([one.pixels for one in framed]).to(self.device, torch_dtype(self.dtype))
            answers = self.answer(stacked)
        return [self.picture(answer, one.size) for answer, one in zip(answers, framed, strict=True)]


def needs_opencv() -> None:
    """Said when the step is set up, and not at its first picture."""
    try:
        import cv2  # noqa: F401
    except ImportError as error:
        raise missing("opencv-python-headless", error) from error


def resized(image: Image, short_side: int, multiple: int = 64) -> Any:
    """RGB pixels (height x width x 3) of which the short side is about `short_side`, and both a multiple: as the
    annotators of ControlNet see a picture."""
    import cv2
    import numpy as np

    way = cv2.INTER_LANCZOS4 if short_side > min(image.size) else cv2.INTER_AREA
    return cv2.resize(np.asarray(image.convert("RGB")), sides(image.size, short_side, multiple), interpolation=way)


def sides(size: tuple[int, int], short_side: int, multiple: int = 64) -> tuple[int, int]:
    scale = short_side / min(size)
    width, height = (max(multiple, round(side * scale / multiple) * multiple) for side in size)
    return width, height


def as_channels(pixels: Any) -> Tensor:
    """Height x width x channels to channels x height x width, in float32 and in memory that torch has laid out."""
    import torch

    return torch.from_numpy(pixels).permute(2, 0, 1).to(torch.float32, memory_format=torch.contiguous_format).clone()
