"""From the small masks that a network answers with to masks of an image's own size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

PIXELS_AT_ONCE = 64_000_000  # of masks at their images' own size


def whole_masks(masks: Tensor, size: tuple[int, int], above: float) -> Iterator[NDArray[np.bool_]]:
    """One after the other, scaled so many at once as memory takes; a pixel is part of it where its value is above."""
    import torch
    from torch.nn.functional import interpolate

    portion = max(1, PIXELS_AT_ONCE // (size[0] * size[1]))
    for some in masks.split(portion) if len(masks) else ():
        with torch.inference_mode():
            scaled = interpolate(some[:, None], size[::-1], mode="bilinear", align_corners=False)[:, 0] > above
        yield from scaled.cpu().numpy()
