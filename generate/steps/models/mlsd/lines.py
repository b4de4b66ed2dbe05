"""From what M-LSD says of each point to lines, and to a picture of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

MOST = 200


def lines_in(
    scores: NDArray[np.float32], offsets: NDArray[np.float32], least_score: float, least_length: float
) -> NDArray[np.float64]:
    """Rows of (x0, y0, x1, y1), the surest first, in pixels of what the network saw: twice as large as its map.

    `scores` is height x width, `offsets` height x width x 4: from a line's middle to the x and y of its two ends.
    """
    import cv2
    import numpy as np

    peaks = np.where(scores == cv2.dilate(scores, np.ones((3, 3), np.uint8)), scores, 0)
    order = np.argsort(-peaks, axis=None, kind="stable")[:MOST]
    rows, columns = np.unravel_index(order, scores.shape)
    ends = offsets[rows, columns].astype(np.float64)
    length = np.hypot(ends[:, 0] - ends[:, 2], ends[:, 1] - ends[:, 3])
    good = (peaks[rows, columns] > least_score) & (length > least_length)
    found: NDArray[np.float64] = 2 * (ends + np.stack([columns, rows, columns, rows], axis=1))[good]
    return found


def drawn(lines: NDArray[np.float64], size: tuple[int, int]) -> Image:
    """White, a pixel wide, on black."""
    import cv2
    import numpy as np
    from PIL import Image as pillow

    ground = np.zeros(size[::-1], dtype=np.uint8)
    for x0, y0, x1, y1 in lines.astype(int).tolist():
        cv2.line(ground, (x0, y0), (x1, y1), 255, 1)
    return pillow.fromarray(ground)
