"""Depth as a picture for the eye, and for models that learn from pictures: 8 bits, near is white."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

DEEP_MODES = ("I", "F")  # and those that begin with I;16


def nearness(image: Image, meta: Mapping[str, Any]) -> NDArray[np.float64]:
    """From 0, the farthest in the picture, to 1, the nearest, in even steps of inverse depth.

    `meta` is what is told beside a depth picture (docs/schema.md): how its numbers are to be read, and whether near is
    large. Of metres, where near is small, the inverse is taken. Without it near is taken to be large.
    """
    import numpy as np

    pixels = np.asarray(image if is_deep(image) else image.convert("L"), dtype=np.float64)
    values = pixels * float(meta.get("scale", 1.0)) + float(meta.get("offset", 0.0))
    if not meta.get("near_is_large", True):
        least = values[values > 0].min(initial=np.inf)
        values = 1 / np.maximum(values, least if np.isfinite(least) else 1.0)
    low, high = float(values.min()), float(values.max())
    found: NDArray[np.float64] = (values - low) / ((high - low) or 1.0)
    return found


def near_white(image: Image, meta: Mapping[str, Any]) -> Image:
    """8-bit grey. A picture of 8 bits that says nothing of its numbers is one already, and stays as it is."""
    import numpy as np
    from PIL import Image as pillow

    if not is_deep(image) and "scale" not in meta and "near_is_large" not in meta:
        return image.convert("L")
    return pillow.fromarray(np.rint(nearness(image, meta) * 255).astype(np.uint8))


def is_deep(image: Image) -> bool:
    return image.mode in DEEP_MODES or image.mode.startswith("I;16")
