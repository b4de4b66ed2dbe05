"""`aside: true`: what a step finds is kept under its name, and the record's own fields stay as they are.

So two taggers or three detectors may look at one picture, none of them overwrites another, and a later step asks those
that it wants. The step itself knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, replace

from labelyard.generate.record import Aside, Instance, Record, Tag, Text
from labelyard.generate.step import Step
from labelyard.utils.errors import UserError

KEPT = ("tags", "instances", "texts")  # the fields of a record that an aside can hold


def fills(name: str, step: Step) -> Sequence[str]:
    """The fields that a record has more after a step of that name."""
    return (f"aside.{name}",) if step.aside else step.writes


def others(writes: Sequence[str]) -> list[str]:
    """What could not be kept apart."""
    return [field for field in writes if _whole(field) not in KEPT]


def check(name: str, step: Step) -> None:
    """Refused: a step of which something would not be kept apart."""
    if step.aside and (others(step.writes) or not step.writes):
        raise UserError(
            f"{name}.aside=true: only {', '.join(KEPT[:-1])} and {KEPT[-1]} are kept aside, and this step writes "
            f"{', '.join(others(step.writes)) or 'nothing that it tells of'}; use {name}.aside=false"
        )


def put_aside(name: str, step: Step, records: Sequence[Record]) -> None:
    """Call the step; what it wrote goes to `record.aside[name]`. If it fails, each record is as it was before."""
    own = [_Own.of(record) for record in _once(records)]
    try:
        step(records)
        found = [_found(fields, step.writes) for fields in own]
    finally:
        for fields in own:
            fields.put_back()
    for fields, aside in zip(own, found, strict=True):
        fields.record.aside[name] = aside


def _once(records: Iterable[Record]) -> list[Record]:
    """A record that is there twice has its own fields once."""
    return list({id(record): record for record in records}.values())


@dataclass(frozen=True)
class _Own:
    """A record's own fields, while a step works on copies of them."""

    record: Record
    tags: list[Tag]
    instances: list[Instance]
    texts: dict[str, Text]

    @classmethod
    def of(cls, record: Record) -> _Own:
        own = cls(record, record.tags, record.instances, record.texts)
        record.tags = [copy(tag) for tag in own.tags]
        record.instances = [replace(instance, extra=dict(instance.extra)) for instance in own.instances]
        record.texts = dict(own.texts)
        return own

    def put_back(self) -> None:
        self.record.tags, self.record.instances, self.record.texts = self.tags, self.instances, self.texts


def _found(own: _Own, writes: Sequence[str]) -> Aside:
    record, fields = own.record, {_whole(field) for field in writes}
    named = {field.partition(".")[2] for field in writes if _whole(field) == "texts"}
    texts = {name: text for name, text in record.texts.items() if name in named or text is not own.texts.get(name)}
    return Aside(
        tags=record.tags if "tags" in fields else None,
        instances=record.instances if "instances" in fields else None,
        texts=texts if "texts" in fields else None,
    )


def _whole(field: str) -> str:
    return field.partition(".")[0]
