"""`ground=omdet`: boxes for the tags by OmDet-Turbo, fast since names are read apart from pictures and once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.model_step import batch_of
from labelyard.generate.record import Record
from labelyard.generate.settings import setting
from labelyard.generate.steps.ground.asking import Asked, Asking
from labelyard.generate.steps.ground.detections import Detection, to_instances
from labelyard.generate.steps.tools.pixels import aligned
from labelyard.generate.steps.tools.timm import without_timm
from labelyard.generate.steps.tools.weights import on_pillow, torch_dtype

if TYPE_CHECKING:
    from torch import Tensor

NAMES = "{names}"
LONGEST = 77  # tokens of a name or a task
REMEMBERED = 2048  # of names, and of tasks


@dataclass(frozen=True)
class Question:
    record: Record
    asked: tuple[Asked, ...]


@dataclass(frozen=True)
class Framed:
    question: Question
    pixels: Tensor  # a batch of one


@dataclass(kw_only=True)
class OmDet(Asking):
    """A box gets the name that it scores best for, however many there are; the task is cut at 77 tokens."""

    writes: ClassVar[tuple[str, ...]] = ("instances",)

    checkpoint: str = "omlab/omdet-turbo-swin-tiny-hf"  # a hub's id or a folder
    task: str = "Detect {names}."  # what it is told to do; with or without the names
    box_threshold: float = setting(0.3, least=0, most=1)  # least score of a box
    # of two boxes that overlap more than this, the better one is kept
    iou_threshold: float = setting(0.5, least=0, most=1)
    # images at once on a GPU, of those that are asked for the same names; or auto
    batch_size: int | str = batch_of(8)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.task.strip():
            raise ValueError("task='': it must be told something; give task='Detect {names}.'")

    def lacking(self) -> str | None:
        return without_timm(self.checkpoint)

    def load(self) -> None:
        from transformers import AutoImageProcessor, AutoTokenizer, OmDetTurboForObjectDetection

        images: Any = AutoImageProcessor
        self.loaded.processor = self.processor(images, **on_pillow())
        self.loaded.tokenizer = self.processor(AutoTokenizer)
        self.loaded.model = self.pretrained(OmDetTurboForObjectDetection)
        self.loaded.names = {}
        self.loaded.tasks = {}

    def __call__(self, records: Sequence[Record]) -> None:
        questions = [Question(record, tuple(asked)) for record in records if (asked := self.asked(record))]
        self._read_new({name.prompt for question in questions for name in question.asked})
        answers = self.map(self._find, questions, self._company, self._framed, full=False)
        found = {id(question.record): its for question, its in zip(questions, answers, strict=True)}
        for record in records:
            detections = found.get(id(record), [])
            record.instances = to_instances(detections, *record.image.size, self.iou_threshold)

    def _company(self, question: Question) -> tuple[Any, ...]:
        """Those that are asked for the same go through the network together, if they have one shape there."""
        squeezed = "height" in self.loaded.processor.size
        return (question.asked, None if squeezed else question.record.image.size)

    def _framed(self, question: Question) -> Framed:
        given = self.loaded.processor(images=question.record.image, return_tensors="pt")
        return Framed(question, aligned(given)["pixel_values"])

    def _find(self, framed: Sequence[Framed]) -> list[list[Detection]]:
        import torch

        model, count, asked = self.loaded.model, len(framed), framed[0].question.asked
        pixels = torch.cat([one.pixels for one in framed]).to(self.device, torch_dtype(self.dtype))
        names = torch.stack([self.loaded.names[one.prompt] for one in asked])[:, None]
        with torch.inference_mode():
            task, mask = self._task(", ".join(one.prompt for one in asked))
            seen = model.encoder(model.vision_backbone(pixels), return_dict=True).extracted_states
            answer = model.decoder(
                seen, names.expand(-1, count, -1), task.expand(-1, count, -1), mask.expand(count, -1), return_dict=True
            )
            scores, boxes = answer.decoder_classes[-1].float().sigmoid(), answer.decoder_coords[-1].float()
        return [
            self._detections(its, corners, one.question)
            for its, corners, one in zip(scores.cpu(), boxes.cpu(), framed, strict=True)
        ]

    def _detections(self, scores: Tensor, boxes: Tensor, question: Question) -> list[Detection]:
        width, height = question.record.image.size
        best, places = scores.max(dim=1)
        found = []
        for query in (best > self.floor(question.asked)).nonzero()[:, 0].tolist():
            x, y, w, h = (value * side for value, side in zip(boxes[query].tolist(), (width, height) * 2, strict=True))
            box = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
            found.append(Detection(box, float(best[query]), question.asked[int(places[query])].name))
        return self.best(found, question.asked)

    def _read_new(self, prompts: set[str]) -> None:
        """A name by itself, so that it does not depend on what else is asked for; once, as long as they are not too
        many to be kept."""
        names: dict[str, Any] = self.loaded.names
        if len(names) > REMEMBERED:
            names.clear()
        new = sorted(prompts - names.keys())
        names.update(zip(new, self.map(self._read, new), strict=True))

    def _read(self, prompts: Sequence[str]) -> list[Tensor]:
        import torch

        with torch.inference_mode():
            ids = self._tokens(prompts)["input_ids"].to(self.device)
            return list(self.loaded.model.language_backbone(ids, encode_type="class"))

    def _task(self, names: str) -> tuple[Tensor, Tensor]:
        """Its words, and which of them count."""
        tasks: dict[str, tuple[Tensor, Tensor]] = self.loaded.tasks
        # Replaced, not formatted: a name may hold braces of its own.
        text = self.task.replace(NAMES, names)
        if text not in tasks:
            if len(tasks) > REMEMBERED:
                tasks.clear()
            tokens = self._tokens([text]).to(self.device)
            words = self.loaded.model.language_backbone(tokens["input_ids"], tokens["attention_mask"], "task")
            tasks[text] = words
        return tasks[text]

    def _tokens(self, texts: Sequence[str]) -> Any:
        longest = min(LONGEST, self.loaded.model.config.text_config.max_position_embeddings)
        return self.loaded.tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=longest, return_tensors="pt"
        )

    def model(self) -> dict[str, Any]:
        return super().model() | {"task": self.task}
