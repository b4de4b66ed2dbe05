"""`ground=detr`: boxes by DETR and its kin: D-FINE, RT-DETR, Deformable DETR, whatever is loaded by one interface."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labelyard.generate.record import Record
from labelyard.generate.steps.ground.closed import ClosedDetector, Framed
from labelyard.generate.steps.ground.detections import Detection, to_instances


@dataclass(kw_only=True)
class Detr(ClosedDetector):
    checkpoint: str = "ustc-community/dfine-xlarge-obj2coco"

    def model_class(self) -> Any:
        from transformers import AutoModelForObjectDetection

        return AutoModelForObjectDetection

    def __call__(self, records: Sequence[Record]) -> None:
        framed = [self.framed(record) for record in records]
        found = self.map(self._detect, framed, key=lambda one: one.shape, full=False)
        for record, detections in zip(records, found, strict=True):
            record.instances = to_instances(detections, *record.image.size, self.iou_threshold)

    def _detect(self, framed: Sequence[Framed]) -> list[list[Detection]]:
        import torch

        answer = self.answer(framed)
        sizes = torch.tensor([one.size[::-1] for one in framed], device=self.device)
        answer.logits, answer.pred_boxes = answer.logits.float(), answer.pred_boxes.float()
        found = self.loaded.processor.post_process_object_detection(answer, self.box_threshold, sizes)
        return [self._named(**{key: one[key].cpu() for key in ("scores", "labels", "boxes")}) for one in found]

    def _named(self, scores: Any, labels: Any, boxes: Any) -> list[Detection]:
        named = []
        for score, number, box in zip(scores.tolist(), labels.tolist(), boxes.tolist(), strict=True):
            label = self.kind(number)
            if label is not None:
                x1, y1, x2, y2 = box
                named.append(Detection((x1, y1, x2, y2), score, label))
        return named
