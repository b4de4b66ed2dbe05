"""What steps say of an instance beside its label, and by what it is told again.

A label is the one that was chosen; `labels` are all votes, what was seen first first. An instance without a role is an
object. One that floats was seen by too few to be sure of: it is there for later steps to confirm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from labelyard.generate.record import Instance

LABELS = "labels"
ATTRIBUTES = "attributes"
ROLE = "role"
OBJECT, FLOATING = "object", "floating"
MASK_SOURCE = "mask_source"
SYNONYMS, THRESHOLD = "synonyms", "threshold"  # of a tag: what else is asked for, and the least score of what is found
AGREEMENT = "agreement"  # how far others agree that it is what its label says, by the step that asked them


def role_of(extra: Mapping[str, Any]) -> str:
    role: str = extra.get(ROLE, OBJECT)
    return role


def floats(instance: Instance) -> bool:
    return role_of(instance.extra) == FLOATING


def labels_of(instance: Instance) -> list[str]:
    """All votes; of an instance that nobody voted on its label."""
    return list(instance.extra.get(LABELS, [instance.label]))


def attributes_of(instance: Instance) -> list[str]:
    return list(instance.extra.get(ATTRIBUTES, ()))


def objects_or_floating(instances: Iterable[Instance]) -> list[Instance]:
    """The objects; where there is none, those that float."""
    there = list(instances)
    return [one for one in there if not floats(one)] or there


def set_role(instance: Instance, floating: bool) -> None:
    instance.extra.pop(ROLE, None)
    if floating:
        instance.extra[ROLE] = FLOATING


def agree(instances: Sequence[Instance], step: str, opinions: Sequence[float]) -> None:
    """From 0, not at all, to 1."""
    for instance, opinion in zip(instances, opinions, strict=True):
        others = instance.extra.get(AGREEMENT, {})
        instance.extra[AGREEMENT] = {**others, step: round(float(opinion), 4)}


def opinions(extra: Mapping[str, Any]) -> dict[str, float]:
    """By the step that asked. What a user has written under that name is none, unless it looks like one."""
    said = extra.get(AGREEMENT)
    if not isinstance(said, Mapping):
        return {}
    return {str(step): float(value) for step, value in said.items() if isinstance(value, (int, float))}


def least_agreement(extra: Mapping[str, Any]) -> float:
    """Of all opinions about an instance; 0 where nobody was asked."""
    return min(opinions(extra).values(), default=0.0)
