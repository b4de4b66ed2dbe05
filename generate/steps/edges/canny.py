"""`edges=canny`: Canny's edges as a picture of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Optional

from labelyard.generate.compute.threads import each
from labelyard.generate.image_step import ImageStep
from labelyard.generate.record import MadeImage, Record
from labelyard.generate.settings import LONGEST_SIDE, setting
from labelyard.generate.steps.tools.packaged import missing

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(kw_only=True)
class Canny(ImageStep):
    """White edges on black, 8-bit grey.

    `short_side` is the size in which they are sought: a larger picture is reduced to it first, since in full size
    texture drowns the outlines; a smaller one stays as it is. null keeps every size.
    """

    reads: ClassVar[tuple[str, ...]] = ("image",)
    picture_of: ClassVar[str] = "edges"
    low: int = setting(100, least=0, most=100_000)  # an edge goes on down to this gradient
    high: int = setting(200, least=0, most=100_000)  # an edge begins at this gradient
    colour: bool = False  # in each of red, green and blue, the strongest counting, and not in grey
    # pixels; null keeps every size
    short_side: Optional[int] = setting(512, least=1, most=LONGEST_SIDE)  # noqa: UP045  (OmegaConf reads it on Python 3.10 too)

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"low={self.low} and high={self.high}: low is at most high")

    def setup(self, device: str) -> None:
        try:
            import cv2
        except ImportError as error:
            raise missing("opencv-python-headless", error) from error
        self._version = cv2.__version__

    def __call__(self, records: Sequence[Record]) -> None:
        found = each(self._edges, [record.image for record in records])
        for record, edges in zip(records, found, strict=True):
            record.images[self.image] = MadeImage(edges, self._meta())

    def _meta(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high} | ({"colour": True} if self.colour else {})

    def _edges(self, image: Image) -> Image:
        import cv2
        import numpy as np
        from PIL import Image as Pillow

        reduced = at_most(image, self.short_side)
        return Pillow.fromarray(
            cv2.Canny(np.asarray(reduced.convert("RGB" if self.colour else "L")), self.low, self.high)
        )

    def model(self) -> dict[str, Any]:
        return {"name": "Canny", "checkpoint": None, "package": "opencv", "version": self._version}


def at_most(image: Image, short_side: int | None) -> Image:
    from PIL.Image import Resampling

    if short_side is None or min(image.size) <= short_side:
        return image
    scale = short_side / min(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Resampling.LANCZOS, reducing_gap=3.0)
