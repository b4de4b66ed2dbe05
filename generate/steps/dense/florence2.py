"""`dense=florence2`: boxes all over the image, each with what is to be seen there, in words and not in names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from labelyard.generate.model_step import ModelStep, batch_of
from labelyard.generate.record import Instance, Record
from labelyard.generate.settings import setting
from labelyard.generate.steps.models.florence2.regions import Florence2Regions, Question, Region

TASK = "<DENSE_REGION_CAPTION>"


@dataclass(kw_only=True)
class Florence2Dense(ModelStep):
    """The words are label and caption of an instance. It has no scores: a box's is how sure the model was of its four
    numbers."""

    reads: ClassVar[tuple[str, ...]] = ("image",)
    writes: ClassVar[tuple[str, ...]] = ("instances", "instances.caption")

    # Of the checkpoints those that transformers reads itself: microsoft's own bring code, which is not run.
    checkpoint: str = "florence-community/Florence-2-large"
    box_threshold: float = setting(0.25, least=0, most=1)  # least score of a box
    max_new_tokens: int = setting(1024, least=1, most=10_000)  # of an answer; a box with its words takes ten or so
    # images at once on a GPU; or auto
    batch_size: int | str = batch_of(1)

    def load(self) -> None:
        self.loaded.florence = Florence2Regions(
            self.checkpoint, self.revision, self.dtype, self.device, self.max_new_tokens
        )

    def __call__(self, records: Sequence[Record]) -> None:
        questions = [Question(record.image, TASK) for record in records]
        for record, regions in zip(records, self.map(self.loaded.florence.answers, questions), strict=True):
            record.instances = [_instance(one) for one in regions if self._is_good(one)]

    def _is_good(self, region: Region) -> bool:
        left, top, right, bottom = region.box
        return bool(region.words) and region.score > self.box_threshold and right > left and bottom > top

    def model(self) -> dict[str, Any]:
        return super().model() | {"name": "Florence-2", "task": TASK}


def _instance(region: Region) -> Instance:
    return Instance(region.box, region.score, region.words, caption=region.words, caption_source="model")
