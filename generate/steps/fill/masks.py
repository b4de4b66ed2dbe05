"""Where a subject is painted over: its mask without holes, grown, more so downward, where its shadow lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labelyard.generate.record import Instance
from labelyard.utils import rle

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image


def fill_mask(subject: Instance, size: tuple[int, int], grow: float, as_box: bool) -> NDArray[np.bool_]:
    """`grow`: of the longer side. What is grown is grown twice as far downward."""
    import cv2
    import numpy as np

    width, height = size
    inside: NDArray[Any] = np.zeros((height, width), np.uint8)
    if as_box or subject.mask is None:
        x0, y0, x1, y1 = (round(edge) for edge in subject.box)
        inside[max(0, y0) : max(y0 + 1, y1), max(0, x0) : max(x0 + 1, x1)] = 1
    else:
        inside = without_holes(rle.decode(subject.mask)).astype(np.uint8)
    by = round(grow * max(size))
    if by:
        inside = cv2.dilate(inside, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * by + 1, 2 * by + 1)))
        # Once more downward alone: the anchor is the kernel's lower end.
        inside = cv2.dilate(inside, np.ones((by + 1, 1), np.uint8), anchor=(0, by))
    found: NDArray[np.bool_] = inside.astype(bool)
    return found


def without_holes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What is not joined to the picture's edge belongs to the subject."""
    import cv2
    import numpy as np

    ground = np.pad(~mask, 1, constant_values=True).astype(np.uint8)
    _, pieces = cv2.connectedComponents(ground, connectivity=4)
    found: NDArray[np.bool_] = (pieces != pieces[0, 0])[1:-1, 1:-1]
    return found


def pasted(made: Image, original: Image, mask: NDArray[np.bool_], feather: int) -> Image:
    """The original outside of the mask, to the pixel; inside it turns into what was made, over `feather` pixels."""
    import cv2
    import numpy as np
    from PIL import Image as Pillow

    depth = cv2.distanceTransform(np.pad(mask, 1, mode="edge").astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    share = np.clip(depth / (feather + 1), 0, 1)[..., None] if feather else mask[..., None].astype(np.float32)
    mixed = np.asarray(made, np.float32) * share + np.asarray(original, np.float32) * (1 - share)
    return Pillow.fromarray(np.rint(mixed).astype(np.uint8))
