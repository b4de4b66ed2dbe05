"""`picture=boxes`, `picture=masks`: the record's instances drawn, each in a colour of its own. Nothing is sought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.image_step import ImageStep
from labelyard.generate.record import Box, Instance, MadeImage, Record
from labelyard.generate.roles import floats
from labelyard.generate.seeds import seed_of
from labelyard.generate.settings import setting
from labelyard.generate.steps.tools.mask_colours import BLACK, Colour, colours, painted

if TYPE_CHECKING:
    from PIL.Image import Image

THINNEST = 2  # pixels of a box's line; in larger pictures a part of their longer side
PART = 170


@dataclass(kw_only=True)
class InstancePicture(ImageStep):
    """The larger first, so that the smaller lie on top. Pictures of one item have the same colours for the same
    instances, whichever step draws them; the entry's `colours` has them in the order of the annos.

    With `meta` a finding of that name tells of each instance: label, box in whole pixels, colour, score, mask. What
    floats is not drawn, nor told of. A record without instances has no such picture.
    """

    meta: str = ""  # the name of the finding that tells of the instances; empty: none
    seed: int = setting(0, least=0, most=2**63 - 1)  # of the colours
    keep_empty: bool = False  # a picture also where there are no instances

    @property
    def writes(self) -> tuple[str, ...]:
        return (*super().writes, *((f"found.{self.meta}",) if self.meta else ()))

    def draw(self, record: Record, drawn: Sequence[tuple[Instance, Colour]]) -> Image:
        raise NotImplementedError

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            instances = record.instances
            order = sorted(range(len(instances)), key=lambda number: -_area(instances[number].box))
            hues = dict(zip(order, colours(len(order), self._seed(record), BLACK), strict=True))
            drawn = [(instances[number], hues[number]) for number in order if not floats(instances[number])]
            told: dict[str, Any] = {"colours": [list(hues[number]) for number in range(len(instances))]}
            record.images.pop(self.image, None)
            if drawn or self.keep_empty:
                record.images[self.image] = MadeImage(self.draw(record, drawn), told)
            if self.meta:
                record.found[self.meta] = [_told(record, *one) for one in drawn]

    def _seed(self, record: Record) -> int:
        return seed_of(record.item.id, "colours of instances", 0, self.seed)

    def model(self) -> dict[str, Any]:
        return {"name": "drawn instances", "checkpoint": None}

    def model_of(self, record: Record) -> dict[str, Any]:
        return self.model() | ({} if self.image in record.images else {"left_out": "it has no instances"})


@dataclass(kw_only=True)
class BoxPicture(InstancePicture):
    """Outlined."""

    picture_of: ClassVar[str] = "boxes"
    reads: ClassVar[tuple[str, ...]] = ("image", "instances")

    ground: str = setting("image", words=("image", "black"))  # on what the boxes are drawn

    def draw(self, record: Record, drawn: Sequence[tuple[Instance, Colour]]) -> Image:
        from PIL import Image as pillow
        from PIL import ImageDraw

        canvas = record.image.copy() if self.ground == "image" else pillow.new("RGB", record.image.size)
        width = max(THINNEST, round(max(canvas.size) / PART))
        pen = ImageDraw.Draw(canvas)
        for instance, hue in drawn:
            x0, y0, x1, y1 = whole(instance.box, record.image.size)
            pen.rectangle((x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), outline=hue, width=width)
        return canvas


@dataclass(kw_only=True)
class MaskPicture(InstancePicture):
    """Filled, on black."""

    picture_of: ClassVar[str] = "instance_masks"
    reads: ClassVar[tuple[str, ...]] = ("image", "instances", "instances.mask")

    def draw(self, record: Record, drawn: Sequence[tuple[Instance, Colour]]) -> Image:
        masks = [(instance.mask, hue) for instance, hue in drawn if instance.mask is not None]
        return painted([mask for mask, _ in masks], [hue for _, hue in masks], BLACK, record.image.size)


def whole(box: Box, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """In whole pixels, inside the picture."""
    x0, y0, x1, y1 = (min(max(round(edge), 0), size[place % 2]) for place, edge in enumerate(box))
    return x0, y0, x1, y1


def _told(record: Record, instance: Instance, hue: Colour) -> dict[str, Any]:
    return {
        "label": instance.label,
        "bbox_2d": list(whole(instance.box, record.image.size)),
        "color": list(hue),
        "score": float(instance.score),
        "mask": dict(instance.mask) if instance.mask is not None else None,
    }


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
