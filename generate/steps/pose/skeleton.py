"""A person as 18 joints, as OpenPose numbers and draws them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from PIL.Image import Image

JOINTS = (
    "nose", "neck", "right shoulder", "right elbow", "right wrist", "left shoulder", "left elbow", "left wrist",
    "right hip", "right knee", "right ankle", "left hip", "left knee", "left ankle", "right eye", "left eye",
    "right ear", "left ear",
)  # fmt: skip
NECK, RIGHT_SHOULDER, LEFT_SHOULDER = 1, 2, 5
# Of COCO's 17 joints the one that each is; it has no neck.
OF_COCO = (0, None, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13), (1, 0),
    (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip
HUES = (
    (255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0), (0, 255, 0), (0, 255, 85),
    (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255), (0, 0, 255), (85, 0, 255), (170, 0, 255), (255, 0, 255),
    (255, 0, 170), (255, 0, 85),
)  # fmt: skip
OPENPOSE, GRAPH200K = "openpose", "graph200k"
PALETTES = (OPENPOSE, GRAPH200K)
LIMB_LIGHT = 0.6  # of a limb's colour; joints have all of it
HALF_WIDTH = 4  # pixels of a limb, and the radius of a joint
USUAL_SIDE = 1024  # in larger pictures all is wider by as much


class Joint(NamedTuple):
    x: float
    y: float
    score: float


Person = tuple[Joint | None, ...]


def of_coco(points: Sequence[tuple[float, float, float]], least_score: float) -> Person:
    """COCO's 17 points (x, y, score) as OpenPose's 18: the neck is between the shoulders, if both are there."""
    found = [Joint(*point) if point[2] >= least_score else None for point in points]
    person = [None if place is None else found[place] for place in OF_COCO]
    right, left = person[RIGHT_SHOULDER], person[LEFT_SHOULDER]
    if right is not None and left is not None:
        person[NECK] = Joint((right.x + left.x) / 2, (right.y + left.y) / 2, min(right.score, left.score))
    return tuple(person)


def colour(number: int, palette: str) -> tuple[int, int, int]:
    """Of a limb or a joint. Graph200K's pictures have red and blue exchanged."""
    red, green, blue = HUES[number]
    return (blue, green, red) if palette == GRAPH200K else (red, green, blue)


def drawn(people: Sequence[Person], size: tuple[int, int], palette: str = OPENPOSE) -> Image:
    """On black: the limbs of each person, and the joints over them."""
    import cv2
    import numpy as np
    from PIL import Image as pillow

    canvas = np.zeros((size[1], size[0], 3), dtype=np.uint8)
    half = round(HALF_WIDTH * max(1.0, max(size) / USUAL_SIDE))
    for person in people:
        for number, (start, end) in enumerate(LIMBS):
            one, other = person[start], person[end]
            if one is not None and other is not None:
                hue = [int(part * LIMB_LIGHT) for part in colour(number, palette)]
                cv2.fillConvexPoly(canvas, _limb(one, other, half), hue)
        for number, joint in enumerate(person):
            if joint is not None:
                cv2.circle(canvas, (int(joint.x), int(joint.y)), half, colour(number, palette), thickness=-1)
    return pillow.fromarray(canvas)


def _limb(one: Joint, other: Joint, half: int) -> Any:
    import cv2

    across, down = one.x - other.x, one.y - other.y
    middle = (int((one.x + other.x) / 2), int((one.y + other.y) / 2))
    axes = (int(math.hypot(across, down) / 2), half)
    return cv2.ellipse2Poly(middle, axes, int(math.degrees(math.atan2(down, across))), 0, 360, 1)
