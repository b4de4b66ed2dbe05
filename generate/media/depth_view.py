"""Depth as a picture for eyes and for networks that were trained on such: 8-bit grey, near is white."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

NEAREST = 0.01  # metres; nothing that a camera sees is nearer


def nearness(depth: Image, meta: Mapping[str, Any]) -> NDArray[np.float64]:
    """From 0, the least of the picture, to 1, the greatest. `meta` is what the step said of it: numbers that are metres
    become their inverse first, since that is what relative depth is."""
    import numpy as np

    deep = depth.mode == "F" or depth.mode.startswith("I")
    values = np.asarray(depth if deep else depth.convert("L")).astype(np.float64)
    if not meta.get("near_is_large", True):
        values = 1 / np.maximum(values * meta.get("scale", 1.0) + meta.get("offset", 0.0), NEAREST)
    low, high = float(values.min()), float(values.max())
    found: NDArray[np.float64] = (values - low) / ((high - low) or 1.0)
    return found


def near_white(depth: Image, meta: Mapping[str, Any]) -> Image:
    import numpy as np
    from PIL import Image as Pillow

    return Pillow.fromarray(np.rint(nearness(depth, meta) * 255).astype(np.uint8))
