"""`merge=attributes`: what was said of each object is the first of its attributes; and large things are promoted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from labelyard.generate.phrases import renumbered
from labelyard.generate.record import Instance, Record
from labelyard.generate.roles import ATTRIBUTES, attributes_of, floats, set_role
from labelyard.generate.settings import setting
from labelyard.generate.step import Step
from labelyard.generate.steps.merge.big_boxes import big_ones, large_enough


@dataclass(kw_only=True)
class MergeAttributes(Step):
    """The instance's caption goes before all attributes that it has. Without one nothing changes."""

    reads = ("image", "instances", "instances.caption")
    writes = ("instances", f"instances.{ATTRIBUTES}")

    min_part: float = setting(0.02, least=0, most=1)  # of the image, that an object must cover
    # floating ones larger than half the image become objects, where no object of that name is surer
    promote: bool = True

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            size = record.image.size
            record.instances = [self._with_words(one, *size) for one in record.instances]
            if self.promote:
                _promote(record, big_ones(record.instances, *size))

    def _with_words(self, instance: Instance, width: int, height: int) -> Instance:
        if floats(instance) or not instance.caption or not large_enough(instance, width, height, self.min_part):
            return instance
        words = [instance.caption, *(one for one in attributes_of(instance) if one != instance.caption)]
        return replace(instance, extra={**instance.extra, ATTRIBUTES: words})

    def model(self) -> dict[str, Any]:
        return {"name": "merge, attributes", "checkpoint": None}


def _promote(record: Record, chosen: Sequence[int]) -> None:
    for number in chosen:
        made = record.instances[number] = replace(record.instances[number], extra=dict(record.instances[number].extra))
        set_role(made, floating=False)
    objects = [n for n, one in enumerate(record.instances) if not floats(one) and n not in chosen]
    rest = [n for n, one in enumerate(record.instances) if floats(one)]
    renumbered(record, [*objects, *chosen, *rest])
