"""`ground=sam3`: boxes and masks of all things that a name stands for, by SAM 3, asked for one name at a time."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from labelyard.generate.compute.threads import submit
from labelyard.generate.model_step import batch_of
from labelyard.generate.record import Instance, Record
from labelyard.generate.settings import setting, transient
from labelyard.generate.steps.ground.asking import Asked, Asking
from labelyard.generate.steps.ground.detections import Detection, kept
from labelyard.generate.steps.ground.whole_masks import whole_masks
from labelyard.generate.steps.models.sam.sam3 import Sam3Network, Things
from labelyard.utils.rle import Rle, encode

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Framed:
    record: Record
    asked: list[Asked]
    pixels: Tensor


@dataclass(frozen=True)
class Thing:
    detection: Detection
    mask: Future[Rle]  # may still be on its way to its run-length code


@dataclass(kw_only=True)
class Sam3(Asking):
    """A score is that of the thing, times how sure the model is that there is any of its name in the picture."""

    writes: ClassVar[tuple[str, ...]] = ("instances", "instances.mask")

    checkpoint: str = "facebook/sam3"  # a hub's id or a transformers folder
    box_threshold: float = setting(0.3, least=0, most=1)  # least score of a thing
    mask_threshold: float = setting(0.5, least=0, most=1)  # from which on a pixel is part of it
    # of two boxes that overlap more than this, the better one is kept, whatever their names
    iou_threshold: float = setting(0.8, least=0, most=1)
    # images at once on a GPU, which one of this size fills; or auto
    batch_size: int | str = batch_of(1)
    names_at_once: int = transient(16, least=1, most=10_000)  # of an image, on a GPU

    def load(self) -> None:
        self.loaded.network = Sam3Network(self.checkpoint, self.revision, self.dtype, self.device)

    def __call__(self, records: Sequence[Record]) -> None:
        asked = {id(record): self.asked(record) for record in records}
        looked_at = [record for record in records if asked[id(record)]]

        def framed(record: Record) -> Framed:
            return Framed(record, asked[id(record)], self.loaded.network.pixels(record.image))

        found = dict(zip(map(id, looked_at), self.map(self._find, looked_at, prepare=framed), strict=True))
        for record in records:
            record.instances = self._apart(found.get(id(record), []), asked[id(record)], record.image.size)

    def _find(self, framed: Sequence[Framed]) -> list[list[Thing]]:
        network: Sam3Network = self.loaded.network
        seen = network.seen([one.pixels for one in framed])
        done: dict[int, list[Thing]] = {}  # by the record, which a batch that is filled up holds repeatedly
        for number, one in enumerate(framed):
            if id(one.record) not in done:
                prompts = [name.prompt for name in one.asked]
                things = network.things(seen, number, prompts, self.floor(one.asked), self.at_once(self.names_at_once))
                done[id(one.record)] = [
                    thing
                    for name, its in zip(one.asked, things, strict=True)
                    for thing in self._things(name.name, its, one.record)
                ]
        return [done[id(one.record)] for one in framed]

    def _things(self, name: str, found: Things, record: Record) -> list[Thing]:
        width, height = record.image.size
        corners = (found.boxes * found.boxes.new_tensor([width, height] * 2)).tolist()
        masks = whole_masks(found.masks.sigmoid(), (width, height), self.mask_threshold)
        return [
            Thing(Detection((x1, y1, x2, y2), score, name), submit(encode, mask))
            for (x1, y1, x2, y2), score, mask in zip(corners, found.scores, masks, strict=True)
        ]

    def _apart(self, things: Sequence[Thing], asked: Sequence[Asked], size: tuple[int, int]) -> list[Instance]:
        """Best first, inside the image, and each thing once."""
        masks = {id(one.detection): one.mask for one in things}
        found = self.best([one.detection for one in things], asked)
        return [
            Instance(box, found[number].score, found[number].label, mask=masks[id(found[number])].result())
            for number, box in kept(found, *size, self.iou_threshold)
        ]
