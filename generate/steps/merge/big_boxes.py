"""Large things that one model alone has seen: of each name the surest is an object."""

from __future__ import annotations

from collections.abc import Sequence

from labelyard.generate.record import Instance
from labelyard.generate.roles import floats, labels_of

HALF = 0.5  # of the image's area, which it has to be larger than


def big_ones(instances: Sequence[Instance], width: int, height: int) -> list[int]:
    """The numbers of floating ones that are larger than half the image and than every object, and of which no object
    of the same name is as sure. Those that lose against another stay as they are."""
    objects = [one for one in instances if not floats(one)]
    most = max((area(one) for one in objects), default=0.0)
    best: dict[str, int] = {}
    for number, one in enumerate(instances):
        if floats(one) and area(one) > most and area(one) > HALF * width * height:
            for label in labels_of(one):
                if label not in best or one.score > instances[best[label]].score:
                    best[label] = number
    chosen: list[int] = []
    for label, number in best.items():
        there = [one.score for one in (*objects, *(instances[n] for n in chosen)) if label in labels_of(one)]
        if number not in chosen and instances[number].score > max(there, default=float("-inf")):
            chosen.append(number)
    return chosen


def area(instance: Instance) -> float:
    left, top, right, bottom = instance.box
    return (right - left) * (bottom - top)


def large_enough(instance: Instance, width: int, height: int, part: float) -> bool:
    """Whether its box is at least this part of the image."""
    return area(instance) / (width * height) >= part
