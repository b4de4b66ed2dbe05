"""Which of a record's instances it is about."""

from __future__ import annotations

import math
import re

from labelyard.generate.record import Instance, Record
from labelyard.generate.roles import objects_or_floating
from labelyard.utils.rle import area

FILLS = 0.9  # of the picture
WORD = re.compile(r"[^\W_]+(?:'\w+)?")


def subject_of(record: Record) -> Instance | None:
    """The one whose label shares its last word with the described item (`found.description.item`), the largest if
    there are several; else the largest, weighed by how near the middle of the picture it is. What fills the picture is
    what other things stand on, unless it is alone. What floats is meant only where there is nothing else."""
    item = record.found.get("description")
    name = str(item.get("item") or "") if isinstance(item, dict) else ""
    head = head_word(name)
    there = objects_or_floating(record.instances)
    named = [one for one in there if head and head == head_word(one.label)]
    if named:
        return max(named, key=size_of)
    things = [one for one in there if not _fills(one, record)] or there
    return max(things, key=lambda one: size_of(one) * _nearness(one, record), default=None)


def head_word(name: str) -> str:
    """The last word, which in English is what the thing is, without its plural."""
    words = WORD.findall(name.lower())
    last = words[-1] if words else ""
    return last[:-1] if len(last) > 3 and last.endswith("s") and not last.endswith("ss") else last


def size_of(instance: Instance) -> float:
    """In pixels: of its mask, or of its box where there is none."""
    x0, y0, x1, y1 = instance.box
    return float(area(instance.mask)) if instance.mask is not None else max(0.0, x1 - x0) * max(0.0, y1 - y0)


def _fills(instance: Instance, record: Record) -> bool:
    x0, y0, x1, y1 = instance.box
    return (x1 - x0) * (y1 - y0) > FILLS * record.width * record.height


def _nearness(instance: Instance, record: Record) -> float:
    """One in the middle, and half at a corner."""
    x0, y0, x1, y1 = instance.box
    across, down = (x0 + x1) / record.width - 1, (y0 + y1) / record.height - 1
    return 1 - math.hypot(across, down) / math.sqrt(8)
