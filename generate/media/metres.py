"""Depth as a side image says it: value = pixel * scale + offset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

METRE = "metre"


def is_metric(meta: Mapping[str, Any]) -> bool:
    return meta.get("unit") == METRE


def values(picture: Image, meta: Mapping[str, Any]) -> NDArray[np.float64]:
    """What the pixels mean; NaN where the image says that nothing is known (`invalid`: that pixel's number).

    `rotate_right`: the number of bits by which each 16-bit pixel is turned before anything else.
    """
    import numpy as np

    pixels = np.asarray(picture)
    if pixels.ndim == 3:
        pixels = pixels[..., 0]
    if turn := meta.get("rotate_right"):
        wide = pixels.astype(np.uint16)
        pixels = (wide >> turn) | (wide << (16 - turn))
    found: NDArray[np.float64] = pixels * float(meta.get("scale", 1.0)) + float(meta.get("offset", 0.0))
    if "invalid" in meta:
        found[pixels == meta["invalid"]] = np.nan
    return found
