"""Boxes for the tags by Florence-2, which writes down where each phrase is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from labelyard.generate.model_step import batch_of
from labelyard.generate.record import Record
from labelyard.generate.settings import setting
from labelyard.generate.steps.ground.asking import Asking
from labelyard.generate.steps.ground.detections import Detection, to_instances
from labelyard.generate.steps.models.florence2.regions import Florence2Regions, Question

TASK = "<CAPTION_TO_PHRASE_GROUNDING>"


@dataclass(kw_only=True)
class Florence2Boxes(Asking):
    """Every tag is a question of its own, so that none is lost and each box's label is known.

    It has no scores of its own. A box's is how sure the model was of its four numbers: the geometric mean of their
    probabilities.
    """

    writes: ClassVar[tuple[str, ...]] = ("instances",)

    # Of the checkpoints those that transformers reads itself: microsoft's own bring code, which is not run.
    checkpoint: str = "florence-community/Florence-2-large"
    box_threshold: float = setting(0.25, least=0, most=1)  # least score of a box
    # of two boxes that overlap more than this, the better one is kept
    iou_threshold: float = setting(0.5, least=0, most=1)
    max_new_tokens: int = setting(128, least=1, most=10_000)  # of an answer; a box takes five or so
    # tags at once on a GPU; or auto
    batch_size: int | str = batch_of(1)

    def load(self) -> None:
        self.loaded.florence = Florence2Regions(
            self.checkpoint, self.revision, self.dtype, self.device, self.max_new_tokens
        )

    def __call__(self, records: Sequence[Record]) -> None:
        florence: Florence2Regions = self.loaded.florence
        asked = [(place, record.image, one) for place, record in enumerate(records) for one in self.asked(record)]
        questions = [Question(image, TASK, one.prompt) for _, image, one in asked]
        answers = self.map(florence.answers, questions, key=florence.length)
        found: list[list[Detection]] = [[] for _ in records]
        for (place, _, one), regions in zip(asked, answers, strict=True):
            found[place] += [Detection(r.box, r.score, one.name) for r in regions if r.score > self.box_threshold]
        for record, detections in zip(records, found, strict=True):
            record.instances = to_instances(
                self.best(detections, self.asked(record)), record.width, record.height, self.iou_threshold
            )
