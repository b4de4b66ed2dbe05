"""Which samples are for training, validation and test: whole images, whoever cuts the list."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from labelyard.utils.errors import UserError

# Where the training code's loader cuts the list, as parts of its length.
CUTS = (0.9, 0.95)
WHOLE = 1e-9


@dataclass(frozen=True)
class Kept:
    """Of each group of images, how many samples stay in the list; `images`: how many belong to each."""

    images: tuple[int, int, int]
    samples: tuple[int, int, int]


def kept(sizes: Sequence[int]) -> Kept | None:
    """`sizes`: how many samples each image has, in the order of the list. As many samples as can be, so that both cuts
    fall between two images; None where that leaves a group of all alone."""
    ends = [0, *accumulate(sizes)]
    there = ends[-1]
    for total in range(there, 0, -1):
        first, second = (math.floor(cut * total) for cut in CUTS)
        one = bisect_left(ends, first)
        two = bisect_left(ends, ends[one] + second - first) if one < len(ends) else len(ends)
        if two < len(ends) and there - ends[two] >= total - second and (first or total == there):
            return Kept((one, two - one, len(sizes) - two), (first, second - first, total - second))
    return None


@dataclass(frozen=True)
class Shares:
    """Folders of their own: an image's depends on the image and the seed alone, however the list grows."""

    shares: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, split: str) -> Shares:
        found: dict[str, float] = {}
        for text in split.split(","):
            name, _, share = (part.strip() for part in text.partition("="))
            try:
                found[name] = float(share)
            except ValueError:
                raise UserError(f"split={split}: give names and shares, such as train=.9,val=.05,test=.05") from None
            if not name.isidentifier() or not 0 < found[name] <= 1:
                raise UserError(f"split={split}: '{text}' is no name of a folder with a share between 0 and 1")
        if abs(sum(found.values()) - 1) > WHOLE:
            raise UserError(f"split={split}: the shares make {sum(found.values()):g}, not 1")
        return cls(tuple(found.items()))

    def names(self) -> list[str]:
        return [name for name, _ in self.shares]

    def name_at(self, place: float) -> str:
        end = 0.0
        for name, share in self.shares:
            end += share
            if place < end:
                return name
        return self.shares[-1][0]
