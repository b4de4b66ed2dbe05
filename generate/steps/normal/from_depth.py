"""`normal=from_depth`: normals of the surface that a depth picture describes; no weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.compute.threads import each
from labelyard.generate.errors import ItemError
from labelyard.generate.image_step import ImageStep
from labelyard.generate.media.depth_view import nearness
from labelyard.generate.record import MadeImage, Record
from labelyard.generate.settings import setting
from labelyard.generate.steps.normal.normal_maps import FRAMES, LEFT, picture
from labelyard.generate.steps.tools.net_picture import needs_opencv

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image


@dataclass(kw_only=True)
class FromDepth(ImageStep):
    """Each pixel is put where it lies in space, and the normal is upright on its neighbours.

    Of relative depth neither the scale nor the nearest distance is known; `far` is taken for what lies farthest, in
    times of the nearest.
    """

    picture_of: ClassVar[str] = "normal"

    depth: str = "depth"  # the name of the picture of depth
    frame: str = setting(LEFT, words=FRAMES)  # where red, green and blue grow
    far: float = setting(2.0, above=1, most=1e6)  # of relative depth: the farthest distance, in times of the nearest
    view: float = setting(60.0, above=0, most=170)  # degrees, along the longer side of the picture
    smooth: float = setting(0.004, least=0, most=0.2)  # of the longer side: depth is blurred by so much first

    @property
    def reads(self) -> tuple[str, ...]:
        return (f"images.{self.depth}",)

    def __call__(self, records: Sequence[Record]) -> None:
        for record, made in zip(records, each(self._normals, records), strict=True):
            record.images[self.image] = made

    def setup(self, device: str) -> None:
        needs_opencv()

    def _normals(self, record: Record) -> MadeImage:
        given = record.images[self.depth]
        if min(given.image.size) < 2:
            raise ItemError(
                f"images.{self.depth} is {given.image.size[0]}x{given.image.size[1]}: too small for normals",
                record.item.id,
            )
        found = normals(self._blurred(self._distance(given.image, given.meta)), self.view)
        return picture(found, self.frame, LEFT)

    def _distance(self, image: Image, meta: Mapping[str, Any]) -> NDArray[np.float64]:
        import numpy as np

        if meta.get("unit") == "metre":
            pixels: NDArray[np.float64] = np.asarray(image, dtype=np.float64)
            return pixels * float(meta["scale"]) + float(meta["offset"])
        return 1 / (1 / self.far + (1 - 1 / self.far) * nearness(image, meta))

    def _blurred(self, distance: NDArray[np.float64]) -> NDArray[np.float64]:
        import cv2
        import numpy as np

        sigma = self.smooth * max(distance.shape)
        if not sigma:
            return distance
        blurred: Any = cv2.GaussianBlur(distance, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        return np.asarray(blurred, dtype=np.float64)

    def model(self) -> dict[str, Any]:
        return {"name": "normals from depth", "checkpoint": None, "of": self.depth}


def normals(distance: NDArray[np.float64], view: float) -> NDArray[np.float64]:
    """Height x width x 3: left, up, toward who looks. Each side is of two pixels at least."""
    import numpy as np

    height, width = distance.shape
    focal = max(height, width) / 2 / math.tan(math.radians(view) / 2)
    rows, columns = np.mgrid[:height, :width]
    points = np.stack(
        [(columns - (width - 1) / 2) * distance / focal, (rows - (height - 1) / 2) * distance / focal, distance],
        axis=-1,
    )
    down, right = (np.gradient(points, axis=axis) for axis in (0, 1))
    # Across right and down: away from who looks, in the axes right, down, away. Turned round it is the normal, in the
    # axes left, up, near the same three numbers.
    upright = np.cross(right, down)
    length = np.linalg.norm(upright, axis=-1, keepdims=True)
    found: NDArray[np.float64] = np.where(length > 0, upright / np.where(length > 0, length, 1), [0.0, 0.0, 1.0])
    return found
