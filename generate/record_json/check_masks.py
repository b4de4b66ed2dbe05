"""What a mask must be: COCO's compressed run lengths, of one size and covering all of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any


def is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def mask_problems(mask: Any, size: tuple[int, int] | None) -> Iterator[str]:
    if not (isinstance(mask, dict) and isinstance(mask.get("counts"), str) and _are_sides(mask.get("size"))):
        yield f"mask is {mask!r:.60}, not {{'size': [height, width], 'counts': text}}"
        return
    if size and mask["size"] != [size[1], size[0]]:
        yield f"mask has size {mask['size']}, the image is {size[1]} high and {size[0]} wide"
        return
    length = run_lengths_sum(mask["counts"])
    height, width = mask["size"]
    if length != height * width:
        yield f"the mask's counts cover {length} pixels, not {height * width}"


def _are_sides(size: Any) -> bool:
    return isinstance(size, list) and len(size) == 2 and all(type(side) is int and side >= 0 for side in size)


def run_lengths_sum(counts: str) -> int | None:
    """How many pixels COCO's compressed counts cover; None if they can't be read. (Its decoder does not check.)"""
    total, position, runs = 0, 0, list[int]()
    codes = [ord(c) - 48 for c in counts]
    while position < len(codes):
        value = shift = 0
        while True:
            if position >= len(codes) or not 0 <= codes[position] < 64:
                return None
            code = codes[position]
            value |= (code & 0x1F) << shift
            position, shift = position + 1, shift + 5
            if not code & 0x20:
                break
        if code & 0x10:
            value -= 1 << shift
        if len(runs) > 2:
            value += runs[-2]
        if value < 0:
            return None
        runs.append(value)
        total += value
    return total
