"""`verify=sam3`: what SAM 3 finds in the place of an instance, asked for its label in the whole picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labelyard.generate.model_step import ModelStep, batch_of
from labelyard.generate.record import Instance, Record, Tag
from labelyard.generate.roles import agree
from labelyard.generate.settings import setting
from labelyard.generate.steps.ground.sam3 import Sam3
from labelyard.generate.steps.verify.opinion import Opinion

LEAST = 0.05  # below, it has not found a thing at all


@dataclass(kw_only=True)
class Sam3Opinion(Opinion, ModelStep):
    """The best score among things of that name that share the instance's place; 0 where there is none."""

    checkpoint: str = "facebook/sam3"
    same_place: float = setting(0.5, least=0, most=1)  # least IoU of two boxes that are of one thing
    # images at once on a GPU, which one of this size fills; or auto
    batch_size: int | str = batch_of(1)

    def load(self) -> None:
        finder = Sam3(
            checkpoint=self.checkpoint, revision=self.revision, dtype=self.dtype, batch_size=self.batch_size,
            box_threshold=LEAST, iou_threshold=1.0,
        )  # fmt: skip
        finder.setup(self.device)
        self.loaded.finder = finder

    def __call__(self, records: Sequence[Record]) -> None:
        asked = [_asking(record) for record in records]
        self.loaded.finder(asked)
        for record, found in zip(records, asked, strict=True):
            opinions = [self._best_there(one, found.instances) for one in record.instances]
            agree(record.instances, self.called, opinions)

    def _best_there(self, one: Instance, things: Sequence[Instance]) -> float:
        import numpy as np

        from labelyard.utils.boxes import iou

        its = [thing for thing in things if thing.label == one.label]
        if not its:
            return 0.0
        shared = iou(np.array(one.box), np.array([thing.box for thing in its]))
        there = [thing.score for thing, part in zip(its, shared.reshape(-1), strict=True) if part >= self.same_place]
        return max(there, default=0.0)


def _asking(record: Record) -> Record:
    """A record that asks for the labels of another."""
    names = dict.fromkeys(instance.label for instance in record.instances)
    return Record(record.item, record.image, tags=[Tag(name, 1.0) for name in names])
