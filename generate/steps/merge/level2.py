"""`merge=level2`: phrases of captions, found in the picture, become relations of the record's instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from labelyard.generate.phrases import ABOUT, renumbered
from labelyard.generate.record import Instance, Record
from labelyard.generate.roles import floats, labels_of, set_role
from labelyard.generate.step import Step
from labelyard.generate.steps.merge.relations import Grounded, promoted, relate

FOUND = "relationships"
NOUN = "noun"


@dataclass(kw_only=True)
class MergeLevel2(Step):
    """A box of a phrase is that of the object (and of the floating one) that it covers, or a new floating one.
    Floating ones with two votes become objects, behind those that are there. found.relationships names for each
    phrase its instances."""

    writes = ("instances", f"found.{FOUND}")

    boxes: str = "phrase_boxes"  # the step, kept aside, whose boxes have the phrases as their labels
    phrases: str = "phrases"  # the step, kept aside, whose tags are the phrases with their nouns

    @property
    def reads(self) -> tuple[str, ...]:
        return ("instances", *dict.fromkeys((f"aside.{self.phrases}", f"aside.{self.boxes}")))

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            instances = [replace(one, extra=dict(one.extra)) for one in record.instances]
            relations = relate(instances, self._grounded(record))
            order = promoted(instances)
            for instance in instances:
                if floats(instance) and len(labels_of(instance)) > 1:
                    set_role(instance, floating=False)
            record.instances = instances
            record.found[FOUND] = [{"phrase": one.phrase, ABOUT: one.numbers} for one in relations]
            renumbered(record, order)

    def _grounded(self, record: Record) -> list[Grounded]:
        phrases, boxes = record.aside.get(self.phrases), record.aside.get(self.boxes)
        nouns = {tag.name: str(tag.extra.get(NOUN) or tag.name) for tag in ((phrases.tags or ()) if phrases else ())}
        return [_grounded(one, nouns) for one in ((boxes.instances or ()) if boxes else ())]

    def model(self) -> dict[str, Any]:
        return {"name": "merge, level 2", "checkpoint": None, "boxes": self.boxes}


def _grounded(instance: Instance, nouns: dict[str, str]) -> Grounded:
    noun = nouns.get(instance.label, instance.label)
    return Grounded(instance.label, noun, instance.box, instance.score)
