"""`ground=rfdetr`: boxes, and masks where the checkpoint makes them, by RF-DETR, framed here without torchvision."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labelyard.generate.compute.threads import submit
from labelyard.generate.errors import FatalError
from labelyard.generate.record import Instance, Record
from labelyard.generate.steps.ground.closed import ClosedDetector, Framed
from labelyard.generate.steps.ground.coco import NAMES
from labelyard.generate.steps.ground.detections import Detection, kept
from labelyard.generate.steps.ground.whole_masks import whole_masks
from labelyard.generate.steps.tools.pixels import IMAGENET_MEAN, IMAGENET_STD
from labelyard.utils.rle import Rle, encode

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

SEGMENTS = "RfDetrForInstanceSegmentation"
UNNAMED = "LABEL_"  # what transformers calls the kinds of a checkpoint that does not name them


@dataclass(frozen=True)
class Thing:
    detection: Detection
    mask: Future[Rle] | None  # may still be on its way to its run-length code


@dataclass(kw_only=True)
class RfDetr(ClosedDetector):
    """Kinds without names are COCO's, where there are as many."""

    checkpoint: str = "Roboflow/rf-detr-seg-large"
    masks: bool = True  # false: boxes alone, as checkpoint=Roboflow/rf-detr-large makes them

    @property
    def writes(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("instances", *(("instances.mask",) if self.masks else ()))

    def load(self) -> None:
        import transformers
        from transformers.image_processing_base import ImageProcessingMixin

        ports: Any = transformers
        config = self.processor(ports.AutoConfig)
        segments = SEGMENTS in (config.architectures or ())
        if self.masks and not segments:
            raise FatalError(
                f"checkpoint={self.checkpoint}: makes boxes alone; give one that makes masks "
                "(Roboflow/rf-detr-seg-large), or masks=false and a step segment"
            )
        network = SEGMENTS if segments else "RfDetrForObjectDetection"
        self.loaded.model = self.pretrained(getattr(ports, network))
        framing: Any = self.processor(ImageProcessingMixin)
        size: Any = getattr(framing, "size", None) or {}
        side = config.backbone_config.image_size
        self.loaded.rows_columns = (int(size.get("height", side)), int(size.get("width", side)))
        names = [str(config.id2label[number]) for number in sorted(config.id2label)]
        unnamed = len(names) == len(NAMES) and all(name.startswith(UNNAMED) for name in names)
        self.loaded.kinds = dict(enumerate(NAMES)) if unnamed else config.id2label

    def kind(self, number: int) -> str | None:
        name = super().kind(number)
        return None if name == "-" else name

    def framed(self, record: Record) -> Framed:
        return Framed({"pixel_values": squeezed(record.image, self.loaded.rows_columns)[None]}, record.image.size)

    def __call__(self, records: Sequence[Record]) -> None:
        answers = self.map(self._detect, records, prepare=self.framed)
        for record, answer in zip(records, answers, strict=True):
            record.instances = self._instances(answer, record.image.size)

    def _detect(self, framed: Sequence[Framed]) -> list[list[Thing]]:
        answer = self.answer(framed)
        masks = answer.pred_masks if self.masks else [None] * len(framed)
        return [
            self._of_image(logits, boxes, its, one.size)
            for logits, boxes, its, one in zip(answer.logits, answer.pred_boxes, masks, framed, strict=True)
        ]

    def _of_image(self, logits: Tensor, boxes: Tensor, masks: Tensor | None, size: tuple[int, int]) -> list[Thing]:
        """A query may stand for several kinds; there are as many answers at most as queries. What has no pixel is
        nothing."""
        chances = logits.float().sigmoid()
        scores, places = chances.flatten().topk(min(len(chances), chances.numel()))
        good = [
            (score, label, place // chances.shape[1])
            for score, place in zip(scores.tolist(), places.tolist(), strict=True)
            if score > self.box_threshold and (label := self.kind(place % chances.shape[1])) is not None
        ]
        queries = [query for *_, query in good]
        found = [
            Detection(_corners(box, size), score, label)
            for (score, label, _), box in zip(good, boxes[queries].float().tolist(), strict=True)
        ]
        if masks is None:
            return [Thing(one, None) for one in found]
        whole = whole_masks(masks[queries].float(), size, 0.0)
        return [Thing(one, submit(encode, mask)) for one, mask in zip(found, whole, strict=True) if mask.any()]

    def _instances(self, answer: Sequence[Thing], size: tuple[int, int]) -> list[Instance]:
        return [
            Instance(box, one.detection.score, one.detection.label, mask=one.mask.result() if one.mask else None)
            for number, box in kept([thing.detection for thing in answer], *size, self.iou_threshold)
            for one in (answer[number],)
        ]

    def model(self) -> dict[str, Any]:
        return super().model() | {"masks": self.masks}


def squeezed(image: Image, rows_columns: tuple[int, int]) -> Tensor:
    """To this size, whatever its shape: scaled as it was trained, without smoothing, and normalised."""
    import numpy as np
    import torch
    from torch.nn.functional import interpolate

    pixels = torch.from_numpy(np.array(image.convert("RGB"), dtype=np.uint8)).permute(2, 0, 1).float() / 255
    scaled = interpolate(pixels[None], rows_columns, mode="bilinear", align_corners=False)[0]
    return (scaled - torch.tensor(IMAGENET_MEAN)[:, None, None]) / torch.tensor(IMAGENET_STD)[:, None, None]


def _corners(box: Sequence[float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    x, y, w, h = (value * side for value, side in zip(box, size * 2, strict=True))
    return x - w / 2, y - h / 2, x + w / 2, y + h / 2
