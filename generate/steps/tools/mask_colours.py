"""Masks drawn in colours of their own: drawn at random, the same again for an item, and told apart."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from labelyard.utils.rle import Rle, area, decode

if TYPE_CHECKING:
    from PIL.Image import Image

Colour = tuple[int, int, int]
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
APART = 60  # in RGB, of two colours that are told apart at sight
TOLD_APART = 20  # so many of the largest keep that distance from each other, and all from the ground
TRIES = 200  # after which a nearer colour is taken


def colours(count: int, seed: int, ground: Colour) -> list[Colour]:
    """For masks from the largest down."""
    drawn = random.Random(seed)
    found: list[Colour] = []
    for _ in range(count):
        others = [ground, *found[:TOLD_APART]] if len(found) < TOLD_APART else [ground]
        found.append(_far_from(others, drawn))
    return found


def _far_from(others: Sequence[Colour], drawn: random.Random) -> Colour:
    best, farthest = BLACK, -1.0
    for _ in range(TRIES):
        colour = (drawn.randrange(256), drawn.randrange(256), drawn.randrange(256))
        nearest = min(sum((a - b) ** 2 for a, b in zip(colour, other, strict=True)) for other in others)
        if nearest >= APART**2:
            return colour
        if nearest > farthest:
            best, farthest = colour, nearest
    return best


def from_the_largest(masks: Sequence[Rle]) -> list[int]:
    """Their numbers, in the order in which they are drawn."""
    areas = [area(mask) for mask in masks]
    return sorted(range(len(masks)), key=lambda number: -areas[number])


def painted(masks: Sequence[Rle], hues: Sequence[Colour], ground: Colour, size: tuple[int, int]) -> Image:
    """In this order, each over those before it."""
    import numpy as np
    from PIL import Image as pillow

    canvas = np.empty((size[1], size[0], 3), dtype=np.uint8)
    canvas[:] = ground
    for mask, hue in zip(masks, hues, strict=True):
        canvas[decode(mask)] = hue
    return pillow.fromarray(canvas)
