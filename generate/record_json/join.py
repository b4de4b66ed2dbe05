"""One record of several runs on the same items: to the first run's record comes what each of the others has found.

A run has found what its own steps write; what it was given itself stays with whoever made that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from labelyard.generate.aside import fills
from labelyard.generate.errors import ItemError
from labelyard.generate.phrases import about_none, is_about_instances
from labelyard.generate.pipeline import build_steps
from labelyard.generate.record import Instance, Record, Text
from labelyard.generate.record_json.decode import from_record
from labelyard.generate.run_folder.layout import RunFolder

BY_NAME = ("texts", "found", "aside", "images", "clips")  # fields of a record that are dictionaries
OF_INSTANCES = {
    "mask": ("mask",),
    "caption": ("caption", "caption_source"),
    "label_embedding": ("label_embedding",),
    "caption_embedding": ("caption_embedding",),
}


@lru_cache(maxsize=16)
def made_by(run: Path) -> dict[str, tuple[str, ...]]:
    """The fields that a run's own steps write, by the step's name."""
    nodes = RunFolder(run).read_run()["config"]["steps"]
    return {name: tuple(fills(name, step)) for name, step in build_steps(list(nodes), nodes).items()}


def clash(earlier: str, later: str) -> bool:
    """Whether two runs that wrote these fields wrote one thing: a whole is its parts, too. But what is found of
    instances (masks, captions) goes to instances that an earlier run has found."""
    if earlier == "instances" and later.startswith("instances."):
        return False
    return earlier == later or earlier.startswith(f"{later}.") or later.startswith(f"{earlier}.")


def add(record: Record, paths: Sequence[str], in_frame: bool, root: str | None = None) -> None:
    """`paths`: of the same item's record in the other runs."""
    for path in map(Path, paths):
        other = Record(record.item, record.image if record.has_image else None, caption=record.caption)
        from_record(other, path, in_frame, root)
        for step, fields in made_by(path.parent.parent.parent).items():
            if step in other.models:
                record.models[step] = other.models[step]
            for field in fields:
                _take(record, other, field, path)


def _take(record: Record, other: Record, field: str, path: Path) -> None:
    whole, _, name = field.partition(".")
    if whole == "instances" and name:
        _take_of_instances(record, other, name, path)
    elif whole == "instances":
        record.instances = other.instances
        record.texts = {key: replace(text, phrases=()) for key, text in record.texts.items()}
        record.found = {key: about_none(value) for key, value in record.found.items()}
    elif whole in BY_NAME:
        found = getattr(other, whole)
        names = [name] if name else list(found)
        getattr(record, whole).update({key: _said(record, other, found[key]) for key in names if key in found})
    else:
        setattr(record, whole, getattr(other, whole))


def _said(record: Record, other: Record, value: object) -> object:
    """Phrases and findings speak of instances by number: they go where these are others."""
    speaks = value.phrases if isinstance(value, Text) else is_about_instances(value)
    if not speaks or _same(record.instances, other.instances):
        return value
    return replace(value, phrases=()) if isinstance(value, Text) else about_none(value)


def _take_of_instances(record: Record, other: Record, name: str, path: Path) -> None:
    if not _same(record.instances, other.instances):
        raise ItemError(
            f"{path} has other instances than the record that it is joined to, so its instances.{name} belong to none",
            record.item.id,
        )
    for instance, found in zip(record.instances, other.instances, strict=True):
        for attribute in OF_INSTANCES.get(name, ()):
            setattr(instance, attribute, getattr(found, attribute))
        if name not in OF_INSTANCES and name in found.extra:
            instance.extra[name] = found.extra[name]


def _same(some: Sequence[Instance], others: Sequence[Instance]) -> bool:
    return [(one.box, one.label) for one in some] == [(one.box, one.label) for one in others]
