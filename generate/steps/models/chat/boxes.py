"""Boxes as chat models write them down: a JSON list of `bbox_2d` and `label`, more or less."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Size = tuple[int, int]  # width, height
Numbers = tuple[float, float, float, float]

PIXELS, THOUSANDTHS = "pixels", "thousandths"
FACTOR = 28  # Qwen2.5-VL sees pictures whose sides are multiples of it
BOX_NAMES = ("bbox_2d", "bbox", "box_2d", "box")
LABEL_NAMES = ("label", "name", "category", "object")
PIXELS_BY_NAME = re.compile(r"qwen-?_?2[._]5-?_?vl", re.IGNORECASE)


@dataclass(frozen=True)
class Said:
    label: str
    box: Numbers  # as the model counts


def said_in(text: str) -> list[Said] | None:
    """What it says, each once; None where there is no JSON in it. Of a list that is cut off the whole entries count."""
    values = list(_objects(text))
    if not values and not re.search(r"\[\s*\]", text):
        return None
    found = [one for value in values if (one := _read(value)) is not None]
    return list(dict.fromkeys(found))


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """Every whole JSON object, whatever is around it."""
    decoder, place = json.JSONDecoder(), 0
    while (place := text.find("{", place)) >= 0:
        try:
            value, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            place += 1
            continue
        yield from _inside(value)


def _inside(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Itself, or those in a list that it wraps: {"objects": [...]}."""
    lists = [part for part in value.values() if isinstance(part, list) and any(isinstance(one, dict) for one in part)]
    if not lists:
        yield value
    for part in lists:
        yield from (one for one in part if isinstance(one, dict))


def _read(value: dict[str, Any]) -> Said | None:
    box = next((value[name] for name in BOX_NAMES if name in value), None)
    label = next((value[name] for name in LABEL_NAMES if isinstance(value.get(name), str)), "")
    if not isinstance(box, list) or len(box) != 4 or not label.strip():
        return None
    if not all(isinstance(n, int | float) and not isinstance(n, bool) and math.isfinite(n) for n in box):
        return None
    x0, y0, x1, y1 = (float(n) for n in box)
    return Said(" ".join(label.split()), (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)))


def counts_in(checkpoint: str) -> str:
    """Qwen2.5-VL counts pixels of what it was shown, its successors and most others thousandths of the sides."""
    return PIXELS if PIXELS_BY_NAME.search(checkpoint) else THOUSANDTHS


def in_picture(box: Numbers, counted: Size, size: Size) -> Numbers | None:
    """In pixels of the picture; `counted` is how many of the model's units its sides have. None: nothing is left."""
    across, down = size[0] / counted[0], size[1] / counted[1]
    x0, x1 = (min(max(x * across, 0.0), float(size[0])) for x in (box[0], box[2]))
    y0, y1 = (min(max(y * down, 0.0), float(size[1])) for y in (box[1], box[3]))
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def shown_size(size: Size, least: int, most: int, longest: int = 1_000_000) -> Size:
    """The size to show a picture in: both sides multiples of 28, and from `least` to `most` pixels in all. A model that
    wants such sizes leaves it as it is then, and counts in pixels that are known here."""
    width, height = size
    scale = min(1.0, longest / max(size))
    width, height = max(1, int(width * scale)), max(1, int(height * scale))
    sides = [max(FACTOR, round(side / FACTOR) * FACTOR) for side in (width, height)]
    if sides[0] * sides[1] > most or max(sides) > longest:
        shrink = max(math.sqrt(width * height / most), max(width, height) / longest)
        sides = [max(FACTOR, math.floor(side / shrink / FACTOR) * FACTOR) for side in (width, height)]
    elif sides[0] * sides[1] < least:
        grow = math.sqrt(least / (width * height))
        sides = [math.ceil(side * grow / FACTOR) * FACTOR for side in (width, height)]
    return sides[0], sides[1]
