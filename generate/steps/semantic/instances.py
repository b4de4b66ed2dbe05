"""`semantic=instances`: the masks of the record's instances in the colours of the classes that they are called by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from labelyard.generate.image_step import ImageStep
from labelyard.generate.record import Record
from labelyard.generate.roles import objects_or_floating
from labelyard.generate.steps.semantic.class_maps import picture
from labelyard.utils.ade20k import NAMES, NOTHING
from labelyard.utils.rle import area, decode

# Of COCO's names those that ADE20K has by another one.
CALLED = {
    "backpack": "bag", "banana": "food", "apple": "food", "bear": "animal", "bed": "bed", "bird": "animal",
    "broccoli": "food", "cake": "food", "carrot": "food", "cat": "animal", "cell phone": "monitor", "couch": "sofa",
    "cow": "animal", "cup": "glass", "dining table": "table", "dog": "animal", "donut": "food", "elephant": "animal",
    "giraffe": "animal", "handbag": "bag", "horse": "animal", "hot dog": "food", "laptop": "computer",
    "motorcycle": "minibike", "orange": "food", "pizza": "food", "potted plant": "plant", "sandwich": "food",
    "sheep": "animal", "sports ball": "ball", "suitcase": "bag", "teddy bear": "plaything", "tv": "television receiver",
    "wine glass": "glass", "zebra": "animal", "bowl": "pot",
}  # fmt: skip


@dataclass(kw_only=True)
class InstanceClasses(ImageStep):
    """No weights. What no instance covers, and what has no class of such a name, is black (255: no class). What
    floats is left out where there are objects. A record without instances has no such picture."""

    reads: ClassVar[tuple[str, ...]] = ("image", "instances", "instances.mask")
    picture_of: ClassVar[str] = "semantic"

    def __call__(self, records: Sequence[Record]) -> None:
        import numpy as np

        for record in records:
            record.images.pop(self.image, None)
            there = objects_or_floating(record.instances)
            if not there:
                continue
            classes = np.full((record.height, record.width), NOTHING, dtype=np.uint8)
            masks = [(instance.label, instance.mask) for instance in there if instance.mask is not None]
            for label, mask in sorted(masks, key=lambda one: -area(one[1])):  # the smaller lies on the larger
                number = class_of(label)
                if number is not None:
                    classes[decode(mask)] = number
            record.images[self.image] = picture(classes)

    def model(self) -> dict[str, Any]:
        return {"name": "masks of the instances", "checkpoint": None}

    def model_of(self, record: Record) -> dict[str, Any]:
        return self.model() | ({} if self.image in record.images else {"left_out": "it has no instances"})


def class_of(label: str) -> int | None:
    name = CALLED.get(label.lower(), label.lower())
    return NAMES.index(name) if name in NAMES else None
