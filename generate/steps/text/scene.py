"""What is known of a picture, as text for a language model that does not see it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import dist

from labelyard.generate.record import Instance
from labelyard.generate.roles import attributes_of, objects_or_floating
from labelyard.generate.steps.tools.whole_words import behind_colon

DEPTH = "median_depth"
MOST, MOST_NAMES = 100, 30
NEAR = 200.0  # pixels between two centres, below which things stand together
LAYERS = {"Immediate Foreground": 0.1, "Foreground": 0.6, "Midground": 0.85, "Background": float("inf")}
UNKNOWN = "Foreground"  # the layer of everything, where no depth is known

Numbered = tuple[int, Instance]
Relations = Iterable[tuple[str, Sequence[int]]]  # phrases, with the numbers of their instances


@dataclass(frozen=True)
class Group:
    """Things of one layer that stand together."""

    layer: str
    things: tuple[Numbered, ...]


def scene_text(
    instances: Sequence[Instance], relations: Relations, captions: Iterable[str], landmark: Mapping[str, str] | None
) -> str:
    """Things by depth and place, the short captions, which groups their phrases speak of, and the landmark."""
    groups = grouped(most_telling(numbered_things(instances), MOST))
    group_of = {number: place for place, group in enumerate(groups) for number, _ in group.things}
    lines: list[str] = []
    for place, group in enumerate(groups):
        if place == 0 or group.layer != groups[place - 1].layer:
            lines.append(f"{group.layer}:")
        lines.append(f"Group {place}: {', '.join(_named(thing) for _, thing in group.things)}")
    lines += ["", "Short Captions:", *captions, "", "Relationships:"]
    for phrase, numbers in relations:
        ids = ", ".join(str(group_of[number]) for number in numbers if number in group_of)
        lines += [f"{phrase}, Group Ids: ({ids})"] if numbers else []
    return _whole([*lines, *_landmark(landmark)])


def names_text(instances: Sequence[Instance], landmark: Mapping[str, str] | None) -> str:
    """Things by name, and the landmark."""
    things = most_telling(numbered_things(instances), MOST_NAMES)
    return _whole(["Objects:", *(_named(thing) for _, thing in things), *_landmark(landmark)])


def numbered_things(instances: Sequence[Instance]) -> list[Numbered]:
    wanted = {id(one) for one in objects_or_floating(instances)}
    return [(number, one) for number, one in enumerate(instances) if id(one) in wanted]


def most_telling(things: Sequence[Numbered], most: int) -> list[Numbered]:
    """All, or so many: those of which something is said first."""
    if len(things) <= most:
        return list(things)
    return sorted(things, key=lambda thing: not attributes_of(thing[1]))[:most]


def grouped(things: Sequence[Numbered]) -> list[Group]:
    """Layer by layer: the first thing, with all whose centre is near to its own; then the next that is left. Things
    without depth are left out, unless nothing has one."""
    layers = _by_layer(things)
    groups = []
    for layer, there in layers.items():
        left = list(there)
        while left:
            first = _centre(left[0][1])
            near = [left[0], *(thing for thing in left[1:] if dist(first, _centre(thing[1])) < NEAR)]
            left = [thing for thing in left if thing not in near]
            groups.append(Group(layer, tuple(near)))
    return groups


def _by_layer(things: Sequence[Numbered]) -> dict[str, list[Numbered]]:
    depths = [thing[1].extra[DEPTH] for thing in things if DEPTH in thing[1].extra]
    if not depths:
        return {UNKNOWN: list(things)}
    low, high = min(depths), max(depths)
    layers: dict[str, list[Numbered]] = {layer: [] for layer in LAYERS}
    for thing in things:
        if DEPTH in thing[1].extra:
            away = 1 - (thing[1].extra[DEPTH] - low) / (high - low) if high != low else 0.5
            layers[next(layer for layer, end in LAYERS.items() if away < end)].append(thing)
    return layers


def _centre(thing: Instance) -> tuple[float, float]:
    left, top, right, bottom = thing.box
    return (left + right) / 2, (top + bottom) / 2


def _named(thing: Instance) -> str:
    said = attributes_of(thing)[:1]
    return "/".join([*([thing.label] if thing.label else []), *map(behind_colon, said)])


def _landmark(landmark: Mapping[str, str] | None) -> list[str]:
    words = [word for word in ((landmark or {}).get(key) for key in ("category", "fine_category")) if word]
    return ["", "Landmarks:", ", ".join(words)] if words else []


def _whole(lines: Iterable[str]) -> str:
    return "".join(chain.from_iterable((line, "\n") for line in lines)).replace("_", " ")
