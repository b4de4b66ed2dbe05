"""`verify=sam3`: what SAM 3 finds in the place of an instance, asked for its label in the whole picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labelyard.generate.model_step import ModelStep, batch_of
from labelyard.generate.record import Box, Instance, Record
from labelyard.generate.roles import agree
from labelyard.generate.settings import setting
from labelyard.generate.steps.models.sam.sam3 import Sam3Network, Things
from labelyard.generate.steps.verify.opinion import Opinion

if TYPE_CHECKING:
    from torch import Tensor

LEAST = 0.05  # below, it has not found a thing at all
NAMES_AT_ONCE = 16  # of an image, on a GPU


@dataclass(frozen=True)
class Framed:
    size: tuple[int, int]  # width, height of the image
    labels: tuple[str, ...]
    pixels: Tensor


@dataclass(frozen=True)
class Seen:
    box: Box
    score: float


@dataclass(kw_only=True)
class Sam3Opinion(Opinion, ModelStep):
    """The best score among things of that name that share the instance's place; 0 where there is none."""

    checkpoint: str = "facebook/sam3"
    same_place: float = setting(0.5, least=0, most=1)  # least IoU of two boxes that are of one thing
    # images at once on a GPU, which one of this size fills; or auto
    batch_size: int | str = batch_of(1)

    def load(self) -> None:
        self.loaded.network = Sam3Network(self.checkpoint, self.revision, self.dtype, self.device)

    def __call__(self, records: Sequence[Record]) -> None:
        looked_at = [record for record in records if record.instances]
        found = self.map(self._find, looked_at, prepare=self._framed)
        for record, things in zip(looked_at, found, strict=True):
            agree(record.instances, self.called, [self._best_there(one, things[one.label]) for one in record.instances])

    def _framed(self, record: Record) -> Framed:
        labels = tuple(dict.fromkeys(instance.label for instance in record.instances))
        return Framed(record.image.size, labels, self.loaded.network.pixels(record.image))

    def _find(self, framed: Sequence[Framed]) -> list[dict[str, list[Seen]]]:
        network: Sam3Network = self.loaded.network
        seen, at_once = network.seen([one.pixels for one in framed]), self.at_once(NAMES_AT_ONCE)
        found = []
        for number, one in enumerate(framed):
            things = network.things(seen, number, one.labels, LEAST, at_once)
            found.append({label: _placed(its, one.size) for label, its in zip(one.labels, things, strict=True)})
        return found

    def _best_there(self, one: Instance, things: Sequence[Seen]) -> float:
        import numpy as np

        from labelyard.utils.boxes import iou

        if not things:
            return 0.0
        shared = iou(np.array(one.box), np.array([thing.box for thing in things]))
        there = [thing.score for thing, part in zip(things, shared.reshape(-1), strict=True) if part >= self.same_place]
        return max(there, default=0.0)


def _placed(things: Things, size: tuple[int, int]) -> list[Seen]:
    """As far as they lie in the picture, as instances do."""
    import numpy as np

    from labelyard.utils.boxes import clip

    boxes = clip(np.array(things.boxes.tolist(), dtype=np.float64).reshape(-1, 4) * [*size, *size], *size)
    return [
        Seen((x1, y1, x2, y2), score) for score, (x1, y1, x2, y2) in zip(things.scores, boxes.tolist(), strict=True)
    ]
