"""What a detector found in an image, over all of its prompts, to the image's instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labelyard.generate.record import Box, Instance


@dataclass(frozen=True)
class Detection:
    box: Box  # xyxy in pixels of the image
    score: float
    label: str


def to_instances(found: Sequence[Detection], width: int, height: int, iou_threshold: float) -> list[Instance]:
    """Best first, without those that a better one covers, whatever their labels, and cut at the image's edges."""
    return [
        Instance(box=box, score=found[number].score, label=found[number].label)
        for number, box in kept(found, width, height, iou_threshold)
    ]


def kept(found: Sequence[Detection], width: int, height: int, iou_threshold: float) -> list[tuple[int, Box]]:
    """Which of them those are, by their places in `found`, with their boxes inside the image.

    What overlaps is judged before cutting, as the original does.
    """
    import numpy as np

    from labelyard.utils.boxes import areas, clip, nms

    if not found:
        return []
    boxes = np.array([d.box for d in found], dtype=np.float64)
    inside = clip(boxes, width, height)
    best = nms(boxes, np.array([d.score for d in found]), iou_threshold)
    return [(int(k), _box(inside[k])) for k in best if areas(inside[k]) > 0]


def _box(row: Sequence[float]) -> Box:
    x1, y1, x2, y2 = (float(value) for value in row)
    return x1, y1, x2, y2
