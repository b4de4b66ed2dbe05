"""Boxes for the tags by Florence-2, which writes down where each phrase is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

from labelyard.generate.model_step import batch_of
from labelyard.generate.record import Box, Record
from labelyard.generate.settings import setting
from labelyard.generate.steps.ground.asking import Asking
from labelyard.generate.steps.ground.detections import Detection, to_instances
from labelyard.generate.steps.tools.pixels import aligned
from labelyard.generate.steps.tools.weights import load_pretrained, load_processor, torch_dtype

if TYPE_CHECKING:
    from PIL.Image import Image

TASK = "<CAPTION_TO_PHRASE_GROUNDING>"
BINS = 1000


@dataclass(frozen=True)
class Question:
    record: int
    image: Image
    tag: str
    prompt: str
    length: int  # in tokens


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
        from transformers import AutoProcessor, Florence2ForConditionalGeneration

        self.loaded.processor = cast(Any, load_processor(AutoProcessor, self.checkpoint, self.revision))
        self.loaded.model = load_pretrained(
            Florence2ForConditionalGeneration,
            self.checkpoint,
            device=self.device,
            dtype=self.dtype,
            revision=self.revision,
        )
        vocabulary = self.loaded.processor.tokenizer.get_vocab()
        self.loaded.bins = {vocabulary[f"<loc_{n}>"]: n for n in range(BINS) if f"<loc_{n}>" in vocabulary}

    def __call__(self, records: Sequence[Record]) -> None:
        questions = [
            Question(position, record.image, one.name, one.prompt, self._length(one.prompt))
            for position, record in enumerate(records)
            for one in self.asked(record)
        ]
        answers = self.map(self._answer, questions, key=lambda question: question.length)
        found: list[list[Detection]] = [[] for _ in records]
        for question, boxes in zip(questions, answers, strict=True):
            found[question.record].extend(boxes)
        for record, detections in zip(records, found, strict=True):
            record.instances = to_instances(self.best(detections), record.width, record.height, self.iou_threshold)

    def _length(self, tag: str) -> int:
        return len(self.loaded.processor.tokenizer(f" {tag}")["input_ids"])

    def _answer(self, questions: Sequence[Question]) -> list[list[Detection]]:
        import torch

        given = self.loaded.processor(
            images=[question.image for question in questions],
            text=[TASK + question.prompt for question in questions],
            padding=True,
            return_tensors="pt",
        ).to(self.device, torch_dtype(self.dtype))
        with torch.inference_mode():
            made = self.loaded.model.generate(
                **aligned(given),
                max_new_tokens=self.max_new_tokens,
                num_beams=1,
                do_sample=False,
                return_dict_in_generate=True,
                output_scores=True,
            )
        chances = torch.stack([step.float().softmax(-1).amax(-1) for step in made.scores], dim=1).cpu()
        tokens = made.sequences[:, -chances.shape[1] :].cpu()
        return [
            [
                Detection(box, score, question.tag)
                for box, score in read_boxes(row.tolist(), sure.tolist(), self.loaded.bins, question.image.size)
                if score > self.box_threshold
            ]
            for question, row, sure in zip(questions, tokens, chances, strict=True)
        ]


def read_boxes(
    tokens: Sequence[int], chances: Sequence[float], bins: dict[int, int], size: tuple[int, int]
) -> list[tuple[Box, float]]:
    """Each four places in a row are a box: x1, y1, x2, y2 in thousandths of the image, at the middle of their bin."""
    boxes: list[tuple[Box, float]] = []
    numbers: list[int] = []
    sure = 1.0
    for token, chance in zip(tokens, chances, strict=True):
        if token not in bins:
            numbers, sure = [], 1.0
            continue
        numbers.append(bins[token])
        sure *= chance
        if len(numbers) == 4:
            x1, y1, x2, y2 = ((n + 0.5) / BINS * size[i % 2] for i, n in enumerate(numbers))
            boxes.append(((x1, y1, x2, y2), sure**0.25))
            numbers, sure = [], 1.0
    return boxes
