"""Boxes as xyxy rows of an array: pure functions, the same for every detector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

Box = tuple[float, float, float, float]

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


AT_ONCE = 512  # so many boxes are compared all with all: one call, where few boxes would be many small ones


def clip(boxes: NDArray[np.floating], width: float, height: float) -> NDArray[np.floating]:
    """The part of each box that lies in a picture of this size; nothing of it may be left."""
    import numpy as np

    limits = np.array([width, height, width, height], dtype=boxes.dtype)
    clipped: NDArray[np.floating] = np.clip(boxes.reshape(-1, 4), 0, limits)
    return clipped


def grown(box: Box, share: float, size: tuple[int, int]) -> Box:
    """With so much of its surroundings, in parts of its sides, as a picture of this size has."""
    left, top, right, bottom = box
    across, down = (right - left) * share, (bottom - top) * share
    return max(0.0, left - across), max(0.0, top - down), min(size[0], right + across), min(size[1], bottom + down)


def areas(boxes: NDArray[np.floating]) -> NDArray[np.floating]:
    """Zero for boxes whose corners are the wrong way round."""
    import numpy as np

    sides = np.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    return sides[..., 0] * sides[..., 1]


def intersections(one: NDArray[np.floating], others: NDArray[np.floating]) -> NDArray[np.floating]:
    """The area that box `one` shares with each of the others."""
    import numpy as np

    low = np.maximum(one[:2], others[:, :2])
    high = np.minimum(one[2:], others[:, 2:])
    return areas(np.concatenate([low, high], axis=1))


def iou(one: NDArray[np.floating], others: NDArray[np.floating]) -> NDArray[np.floating]:
    """Shared area over common area; 0 where neither box has any."""
    import numpy as np

    shared = intersections(one, others)
    common = areas(one) + areas(others) - shared
    shares: NDArray[np.floating] = np.divide(shared, common, out=np.zeros_like(common), where=common > 0)
    return shares


def iou_of_pixels(some: NDArray[np.floating], others: NDArray[np.floating]) -> NDArray[np.floating]:
    """Of each of `some` with each of `others`, by corners that are pixels themselves: a box from 0 to 9 is 10 wide."""
    import numpy as np

    one, other = some.reshape(-1, 1, 4), others.reshape(1, -1, 4)
    low, high = np.maximum(one[..., :2], other[..., :2]), np.minimum(one[..., 2:], other[..., 2:])
    sides = np.maximum(high - low + 1, 0)
    shared = sides[..., 0] * sides[..., 1]
    whole = [(boxes[..., 2] - boxes[..., 0] + 1) * (boxes[..., 3] - boxes[..., 1] + 1) for boxes in (one, other)]
    common = whole[0] + whole[1] - shared
    shares: NDArray[np.floating] = np.divide(shared, common, out=np.zeros_like(common), where=common > 0)
    return shares


def nms(boxes: NDArray[np.floating], scores: NDArray[np.floating], limit: float) -> list[int]:
    """Greedy non-maximum suppression, whatever the classes: the positions that are kept, best first.

    A box goes when it shares more than `limit` (IoU) with a better one that stays. Equal scores keep the order in which
    they came, so that the answer is the same on every machine.
    """
    import numpy as np

    boxes = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    waiting = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    if len(boxes) <= AT_ONCE:
        return _nms_at_once(boxes, waiting.tolist(), limit)
    kept: list[int] = []
    while len(waiting):
        best, rest = waiting[0], waiting[1:]
        kept.append(int(best))
        waiting = rest[iou(boxes[best], boxes[rest]) <= limit]
    return kept


def _nms_at_once(boxes: NDArray[np.floating], order: Sequence[int], limit: float) -> list[int]:
    import numpy as np

    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = areas(np.concatenate([low, high], axis=2))
    whole = areas(boxes)
    common = whole[:, None] + whole[None, :] - shared
    covers = np.divide(shared, common, out=np.zeros_like(common), where=common > 0) > limit
    gone, kept = [False] * len(boxes), list[int]()
    for number in order:
        if not gone[number]:
            kept.append(number)
            for other in np.flatnonzero(covers[number]).tolist():
                gone[other] = True
    return kept
