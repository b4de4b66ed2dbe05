"""`pose=vitpose`: people by RT-DETR, and the joints of each by ViTPose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labelyard.generate.model_step import ModelStep, batch_of
from labelyard.generate.record import Box, Record
from labelyard.generate.settings import setting
from labelyard.generate.step import Checkpoint
from labelyard.generate.steps.pose.poses import PERSON, Poses, boxes_of_people
from labelyard.generate.steps.pose.skeleton import Person, of_coco
from labelyard.generate.steps.tools.packaged import missing
from labelyard.generate.steps.tools.pixels import aligned
from labelyard.generate.steps.tools.weights import load_pretrained, load_processor, on_pillow, torch_dtype

if TYPE_CHECKING:
    from PIL.Image import Image

DATASET = 0  # of those that the networks with experts have learned: COCO


@dataclass(frozen=True)
class Framed:
    """A person's box, cut out as the network wants it."""

    pixels: Any
    box: list[float]  # x, y, width, height


@dataclass(kw_only=True)
class VitPose(Poses, ModelStep):
    checkpoint: str = "usyd-community/vitpose-plus-base"
    of: str = setting("detector", words=("detector", "instances"))  # whose boxes; instances: those labelled person
    detector: str = "PekingU/rtdetr_r50vd_coco_o365"  # of people; a hub's id or a folder
    detector_revision: str | None = None  # of that repository: a branch, tag or commit
    box_threshold: float = setting(0.5, least=0, most=1)  # of the detector
    # people, and pictures that the detector looks at, at once on a GPU; or auto
    batch_size: int | str = batch_of(8)

    @property
    def reads(self) -> tuple[str, ...]:
        return ("image", "instances") if self.of == "instances" else ("image",)

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        detector = () if self.of == "instances" else (Checkpoint(self.detector, self.detector_revision),)
        return (*super().checkpoints(), *detector)

    def load(self) -> None:
        import transformers

        try:
            import scipy.linalg  # noqa: F401  (the processor's)
        except ImportError as error:
            raise missing("scipy", error, "run: pip install -e '.[conditions]'") from error
        ports: Any = transformers
        self.loaded.processor, self.loaded.net = self._bring(
            ports.AutoImageProcessor, ports.VitPoseForPoseEstimation, self.checkpoint, self.revision
        )
        self.loaded.experts = getattr(self.loaded.net.config.backbone_config, "num_experts", 1) > 1
        if self.of == "detector":
            self.loaded.detector_processor, self.loaded.detector = self._bring(
                ports.AutoImageProcessor, ports.AutoModelForObjectDetection, self.detector, self.detector_revision
            )

    def _bring(self, processor: Any, model: Any, location: str, revision: str | None) -> tuple[Any, Any]:
        loaded = load_pretrained(model, location, device=self.device, dtype=self.dtype, revision=revision)
        return load_processor(processor, location, revision, **on_pillow()), loaded

    def people(self, records: Sequence[Record]) -> list[list[Person]]:
        boxes = self._boxes(records)
        units = [self._frame(record.image, box) for record, some in zip(records, boxes, strict=True) for box in some]
        found = iter(self.map(self._joints, units))
        return [[next(found) for _ in some] for some in boxes]

    def _boxes(self, records: Sequence[Record]) -> list[list[Box]]:
        if self.of == "instances":
            return [boxes_of_people(record) for record in records]
        return self.map(self._detect, [record.image for record in records], full=False)

    def _detect(self, images: Sequence[Image]) -> list[list[Box]]:
        import torch

        given = self.loaded.detector_processor(images=list(images), return_tensors="pt")
        given = given.to(self.device, torch_dtype(self.dtype))
        with torch.inference_mode():
            answer = self.loaded.detector(**aligned(given))
        found = self.loaded.detector_processor.post_process_object_detection(
            answer, threshold=self.box_threshold, target_sizes=[image.size[::-1] for image in images]
        )
        names = self.loaded.detector.config.id2label
        return [
            [
                tuple(box)
                for box, label in zip(one["boxes"].tolist(), one["labels"].tolist(), strict=True)
                if names[label] == PERSON
            ]
            for one in found
        ]

    def _frame(self, image: Image, box: Box) -> Framed:
        x0, y0, x1, y1 = box
        sides = [x0, y0, max(x1 - x0, 1.0), max(y1 - y0, 1.0)]
        pixels = self.loaded.processor(images=image, boxes=[[sides]], return_tensors="pt")["pixel_values"][0]
        return Framed(pixels, sides)

    def _joints(self, people: Sequence[Framed]) -> list[Person]:
        import torch

        pixels = torch.stack([one.pixels for one in people]).to(self.device, torch_dtype(self.dtype))
        which = (
            {"dataset_index": torch.full((len(people),), DATASET, device=self.device)} if self.loaded.experts else {}
        )
        with torch.inference_mode():
            answer = self.loaded.net(pixel_values=pixels, **which)
        answer.heatmaps = answer.heatmaps.float()
        found = self.loaded.processor.post_process_pose_estimation(answer, boxes=[[one.box] for one in people])
        return [self._person(one[0]) for one in found]

    def _person(self, found: Any) -> Person:
        points, scores = found["keypoints"].tolist(), found["scores"].tolist()
        return of_coco([(x, y, score) for (x, y), score in zip(points, scores, strict=True)], self.least_score)

    def model(self) -> dict[str, Any]:
        return super().model() | ({"detector": self.detector} if self.of == "detector" else {"of": self.of})
