"""From maps of joints and fields of limbs to people: joints that the fields lead from one to the other are of one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

JOINTS = 18
SIGMA = 3.0  # of the blur under which a peak is sought
FIELD = 0.05  # along a limb, to count as pointing that way
AGREEING = 0.8  # of the samples along it
SAMPLES = 10
FEWEST = 4  # limbs' ends of a person, and so many of its score for each
LEAST_MEAN = 0.4
# In the order in which they are put together: the two joints, and the channels of x and y of the field.
LIMBS = (
    (1, 2, 12), (1, 5, 20), (2, 3, 14), (3, 4, 16), (5, 6, 22), (6, 7, 24), (1, 8, 0), (8, 9, 2), (9, 10, 4),
    (1, 11, 6), (11, 12, 8), (12, 13, 10), (1, 0, 28), (0, 14, 30), (14, 16, 34), (0, 15, 32), (15, 17, 36),
    (2, 16, 18), (5, 17, 26),
)  # fmt: skip
BEGINNING = 17  # of these limbs a person may be begun with; ear and shoulder only join what is there


class Peak(NamedTuple):
    x: int
    y: int
    score: float


class Link(NamedTuple):
    one: int
    other: int
    score: float


@dataclass
class Found:
    """Someone, as far as they are put together: of each joint the number of its peak."""

    joints: dict[int, int] = field(default_factory=dict)
    score: float = 0.0
    parts: int = 0


def people_in(maps: NDArray[np.floating], fields: NDArray[np.floating], least_score: float) -> list[list[Peak | None]]:
    """Of each person the 18 joints. Both are height x width x channels, at the size of the picture."""
    peaks = [peaks_of(maps[..., joint], least_score) for joint in range(JOINTS)]
    found: list[Found] = []
    for number, (start, end, channel) in enumerate(LIMBS):
        links = links_between(peaks[start], peaks[end], fields[..., channel : channel + 2])
        for link in links:
            found = _joined(found, link, (start, end), peaks, begins=number < BEGINNING)
    kept = [one for one in found if one.parts >= FEWEST and one.score / one.parts >= LEAST_MEAN]
    return [
        [peaks[joint][one.joints[joint]] if joint in one.joints else None for joint in range(JOINTS)] for one in kept
    ]


def peaks_of(heat: NDArray[np.floating], least_score: float) -> list[Peak]:
    """Where a map, blurred, is nowhere lower than its four neighbours."""
    import cv2
    import numpy as np

    radius = int(4 * SIGMA + 0.5)
    blurred = cv2.GaussianBlur(
        heat.astype(np.float64), (2 * radius + 1, 2 * radius + 1), SIGMA, borderType=cv2.BORDER_REFLECT
    )
    beside = np.pad(blurred, 1)
    high = blurred > least_score
    for rows, columns in ((0, 1), (2, 1), (1, 0), (1, 2)):
        high &= blurred >= beside[rows : rows + heat.shape[0], columns : columns + heat.shape[1]]
    return [Peak(int(x), int(y), float(heat[y, x])) for y, x in zip(*np.nonzero(high), strict=True)]


def links_between(ones: list[Peak], others: list[Peak], field: NDArray[np.floating]) -> list[Link]:
    """The best first; each peak has one at most."""
    import numpy as np

    possible = []
    for number, one in enumerate(ones):
        for place, other in enumerate(others):
            way = np.array([other.x - one.x, other.y - one.y], dtype=np.float64)
            length = max(0.001, float(np.hypot(*way)))
            columns = np.rint(np.linspace(one.x, other.x, SAMPLES)).astype(int)
            rows = np.rint(np.linspace(one.y, other.y, SAMPLES)).astype(int)
            along = field[rows, columns] @ (way / length)
            score = float(along.mean()) + min(0.5 * field.shape[0] / length - 1, 0)
            if np.count_nonzero(along > FIELD) > AGREEING * SAMPLES and score > 0:
                possible.append(Link(number, place, score))
    chosen: list[Link] = []
    for link in sorted(possible, key=lambda link: -link.score):
        if all(link.one != other.one and link.other != other.other for other in chosen):
            chosen.append(link)
    return chosen


def _joined(
    found: list[Found], link: Link, ends: tuple[int, int], peaks: list[list[Peak]], begins: bool
) -> list[Found]:
    start, end = ends
    those = [one for one in found if one.joints.get(start) == link.one or one.joints.get(end) == link.other]
    if len(those) >= 2 and not those[0].joints.keys() & those[1].joints.keys():
        first, second = those[:2]
        first.joints |= second.joints
        first.score += second.score + link.score
        first.parts += second.parts
        return [one for one in found if one is not second]
    if those:
        first = those[0]
        if len(those) > 1 or first.joints.get(end) != link.other:
            first.joints[end] = link.other
            first.score += peaks[end][link.other].score + link.score
            first.parts += 1
    elif begins:
        score = peaks[start][link.one].score + peaks[end][link.other].score + link.score
        found.append(Found({start: link.one, end: link.other}, score, 2))
    return found
