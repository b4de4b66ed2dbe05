"""Depth as a picture for eyes and for networks that were trained on such: 8-bit grey, near is white."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

NEAREST = 0.01  # metres; nothing that a camera sees is nearer


def near_white(depth: Image, meta: Mapping[str, Any]) -> Image:
    """From the least to the greatest of the picture. `meta` is what the step said of it: numbers that are metres become
    their inverse first, since that is what relative depth is."""
    import numpy as np
    from PIL import Image as Pillow

    values = np.asarray(depth).astype(np.float64)
    if not meta.get("near_is_large", True):
        values = 1 / np.maximum(values * meta.get("scale", 1.0) + meta.get("offset", 0.0), NEAREST)
    low, high = float(values.min()), float(values.max())
    spread = (high - low) or 1.0
    return Pillow.fromarray(np.rint((values - low) / spread * 255).astype(np.uint8))
