"""What the estimators of normals share: which way each axis points, and how unit vectors become a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labelyard.generate.record import MadeImage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEFT, RIGHT = "left_up_near", "right_up_near"
FRAMES = (LEFT, RIGHT)  # where red, green and blue grow: blue toward who looks at the picture


def picture(vectors: NDArray[np.floating], frame: str, given: str) -> MadeImage:
    """Height x width x 3 of unit vectors in the frame `given`, as they are shown in `frame`."""
    import numpy as np
    from PIL import Image as pillow

    turned = vectors * (np.array([-1.0, 1.0, 1.0]) if frame != given else 1.0)
    pixels = np.rint((np.clip(turned, -1, 1) + 1) * 127.5).astype(np.uint8)
    meta: dict[str, Any] = {"frame": frame, "value": "pixel / 127.5 - 1"}
    return MadeImage(pillow.fromarray(pixels), meta)
