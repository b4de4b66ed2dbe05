"""Degradations that need no library, or are in none: mosaic, scratches, wrong colours, quarter turns, frost."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

LINES, THICKNESS, OF = (20, 50), (10, 20), 512  # of scratches in a picture of this side
FROST_SHARE, ICE_SHARE = 0.65, 0.7
TEXTURES = (".jpg", ".jpeg", ".png", ".webp")


def mosaic(pixels: Pixels) -> Pixels:
    """What a sensor sees behind Bayer's colours: of each pixel one of them."""
    import numpy as np

    found = np.zeros_like(pixels)
    found[0::2, 0::2, 0] = pixels[0::2, 0::2, 0]
    found[0::2, 1::2, 1] = pixels[0::2, 1::2, 1]
    found[1::2, 0::2, 1] = pixels[1::2, 0::2, 1]
    found[1::2, 1::2, 2] = pixels[1::2, 1::2, 2]
    return found


def scratched(pixels: Pixels, draw: Random) -> Pixels:
    """Black lines across, that are to be painted in."""
    import cv2

    found: Pixels = pixels.copy()
    height, width = pixels.shape[:2]
    thickness = max(1, round(draw.randint(*THICKNESS) * min(height, width) / OF))
    for _ in range(draw.randint(*LINES)):
        ends = [(draw.randrange(width), draw.randrange(height)) for _ in range(2)]
        cv2.line(found, ends[0], ends[1], (0, 0, 0), thickness)
    return found


def miscoloured(pixels: Pixels, draw: Random) -> Pixels:
    """Channels change places, or one is empty or full."""
    import numpy as np

    found: Pixels = pixels.copy()
    if draw.random() < 0.5:
        orders = ((0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
        return np.ascontiguousarray(found[..., draw.choice(orders)])
    found[..., draw.randrange(3)] = draw.choice((0, 255))
    return found


def turned(pixels: Pixels, quarters: int) -> Pixels:
    """Against the clock."""
    import numpy as np

    found: Pixels = np.ascontiguousarray(np.rot90(pixels, quarters))
    return found


@cache
def textures(folder: str) -> tuple[Path, ...]:
    return tuple(sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in TEXTURES))


def frosted(pixels: Pixels, draw: Random, folder: str) -> Pixels:
    """Under a piece of a texture of ice."""
    import numpy as np
    from PIL import Image

    height, width = pixels.shape[:2]
    with Image.open(draw.choice(textures(folder))) as opened:
        ice = opened.convert("RGB")
    scale = max(width / ice.width, height / ice.height)
    if scale > 1:
        ice = ice.resize((max(width, round(ice.width * scale)), max(height, round(ice.height * scale))))
    left, top = draw.randint(0, ice.width - width), draw.randint(0, ice.height - height)
    piece: Any = np.asarray(ice.crop((left, top, left + width, top + height)), np.float32)
    found: Pixels = (pixels * FROST_SHARE + piece * ICE_SHARE).clip(0, 255).astype(np.uint8)
    return found
