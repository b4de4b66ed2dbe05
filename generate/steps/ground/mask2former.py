"""`ground=mask2former`: boxes with masks by Mask2Former, MaskFormer and EoMT, trained on instances."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.compute.threads import submit
from labelyard.generate.record import Box, Instance, Record
from labelyard.generate.steps.ground.closed import ClosedDetector, Framed
from labelyard.generate.steps.ground.whole_masks import whole_masks
from labelyard.utils.rle import Rle, encode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


@dataclass(frozen=True)
class Found:
    """Of one image: what was found, best first, and its masks at the size of the network's answer."""

    scores: list[float]
    labels: list[str]
    masks: Tensor  # logits, n x h x w, of the image alone


@dataclass(kw_only=True)
class Mask2Former(ClosedDetector):
    """A score is that of the kind, times how sure the model is of the mask. A box is that of its mask."""

    writes: ClassVar[tuple[str, ...]] = ("instances", "instances.mask")

    checkpoint: str = "tue-mps/coco_instance_eomt_large_640"

    def model_class(self) -> Any:
        from transformers import AutoModelForUniversalSegmentation

        return AutoModelForUniversalSegmentation

    def __call__(self, records: Sequence[Record]) -> None:
        framed = [self.framed(record) for record in records]
        found = self.map(self._segment, framed, key=lambda one: one.shape, full=False)
        for record, coded in zip(records, found, strict=True):
            record.instances = self._apart([replace(one, mask=mask.result()) for one, mask in coded])

    def _segment(self, framed: Sequence[Framed]) -> list[list[tuple[Instance, Future[Rle]]]]:
        import torch

        answer = self.answer(framed)
        classes, masks = answer.class_queries_logits.float(), answer.masks_queries_logits.float()
        with torch.inference_mode():
            return [
                self._coded(self._best(c, self._of_image(m, one)), one.size)
                for c, m, one in zip(classes, masks, framed, strict=True)
            ]

    def _of_image(self, logits: Tensor, framed: Framed) -> Tensor:
        """The masks without what the image was filled up with."""
        rows, columns = logits.shape[-2:]
        filled = framed.shape[-2:]
        height, width = self._seen(framed)
        return logits[:, : max(1, round(rows * height / filled[0])), : max(1, round(columns * width / filled[1]))]

    def _seen(self, framed: Framed) -> tuple[int, int]:
        """Rows and columns of the input that show the image."""
        mask = framed.inputs.get("pixel_mask")
        if mask is not None:
            return int(mask[0].amax(1).sum()), int(mask[0].amax(0).sum())
        rows, columns = framed.shape[-2:]
        if not getattr(self.loaded.processor, "do_pad", False):
            return rows, columns
        scale = min(rows / framed.size[1], columns / framed.size[0])
        return round(framed.size[1] * scale), round(framed.size[0] * scale)

    def _best(self, classes: Tensor, masks: Tensor) -> Found:
        """A query may stand for several kinds; there are as many answers at most as queries."""
        import torch

        chances = classes.softmax(-1)[:, :-1]
        kinds = chances.shape[1]
        scores, places = chances.flatten().topk(min(len(chances), chances.numel()))
        chosen = masks[torch.div(places, kinds, rounding_mode="floor")]
        inside = (chosen > 0).float()
        sure = (chosen.sigmoid() * inside).sum((1, 2)) / inside.sum((1, 2)).clamp(min=1)
        scores = scores * sure
        good = [
            (score, label, number)
            for number, (score, kind) in enumerate(zip(scores.tolist(), (places % kinds).tolist(), strict=True))
            if score > self.box_threshold and (label := self.kind(kind)) is not None
        ]
        good.sort(key=lambda one: -one[0])
        picked = chosen[[number for *_, number in good]]
        return Found([score for score, *_ in good], [label for _, label, _ in good], picked)

    def _coded(self, found: Found, size: tuple[int, int]) -> list[tuple[Instance, Future[Rle]]]:
        masks = whole_masks(found.masks, size, 0.0)
        return [
            (Instance(box, score, label), submit(encode, mask))
            for score, label, mask in zip(found.scores, found.labels, masks, strict=True)
            if (box := box_of(mask)) is not None
        ]

    def _apart(self, instances: list[Instance]) -> list[Instance]:
        import numpy as np

        from labelyard.utils.boxes import nms

        boxes = np.array([one.box for one in instances], dtype=np.float64).reshape(-1, 4)
        return [instances[n] for n in nms(boxes, np.array([one.score for one in instances]), self.iou_threshold)]


def box_of(mask: NDArray[np.bool_]) -> Box | None:
    """Around all of it; None where there is nothing."""
    rows, columns = mask.any(1).nonzero()[0], mask.any(0).nonzero()[0]
    if not len(rows):
        return None
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
