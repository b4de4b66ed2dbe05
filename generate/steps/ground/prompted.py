"""What GroundingDINO and its kin share: tags in, boxes out, through as many prompts as the tags need.

The network itself is behind `Network`, so that the port and the authors' own package are asked in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from labelyard.generate.errors import FatalError
from labelyard.generate.model_step import batch_of
from labelyard.generate.record import Record
from labelyard.generate.settings import LONGEST_SIDE, setting
from labelyard.generate.steps.ground.asking import Asking
from labelyard.generate.steps.ground.detections import Detection, to_instances
from labelyard.generate.steps.ground.prompts import Frame, Prompt, build_prompts, winning_tag
from labelyard.generate.steps.tools.pixels import IMAGENET_MEAN, IMAGENET_STD, Size, size_by_short_side, to_tensor
from labelyard.generate.steps.tools.weights import torch_dtype

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import Tensor

# Prompts are padded to a multiple of this, so that the shape a prompt is computed in is its own affair alone.
PAD_TO = 32


class Network(Protocol):
    """A detector that reads text. For every image and its prompt: sigmoid scores (queries x tokens), and boxes as
    centre and size, relative to the image."""

    limit: int  # the most tokens of a prompt

    def __call__(self, pixels: Tensor, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]: ...


@dataclass(frozen=True)
class Question:
    """One prompt for one image."""

    record: int
    image: Image
    size: Size  # to which the image is brought
    prompt: Prompt
    length: int  # in tokens, with padding
    least: float  # score of a box


@dataclass(frozen=True)
class Ready:
    """A question with its image as the network wants it."""

    prompt: Prompt
    length: int
    pixels: Tensor


@dataclass(kw_only=True)
class PromptedDetector(Asking):
    writes: ClassVar[tuple[str, ...]] = ("instances",)

    box_threshold: float = setting(0.25, least=0, most=1)  # least score of a box: that of its best token
    text_threshold: float = setting(0.2, least=0, most=1)  # least score of the tokens that have a say in a box's label
    # of two boxes that overlap more than this, the better one is kept
    iou_threshold: float = setting(0.5, least=0, most=1)
    short_side: int = setting(800, least=1, most=LONGEST_SIDE)  # pixels, to which an image is resized
    long_side: int = setting(1333, least=1, most=LONGEST_SIDE)  # pixels, beyond which it is not
    separator: str = ","  # between two tags; '.' keeps tags from attending to each other
    # as many tags in a prompt as it holds, or one: phrases of which one is part of another compete within a prompt
    prompts: str = setting("full", words=("full", "single"))
    tags_per_prompt: int | None = setting(None, least=1)  # at most, in a full one; null: as many as it holds
    # images at once on a GPU, which one of this size fills; or auto
    batch_size: int | str = batch_of(1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.separator not in (",", "."):
            raise ValueError(f"separator={self.separator!r}: unknown; one of ',', '.'")

    def load_network(self, device: str) -> tuple[Network, Any]:
        """The network and its tokenizer."""
        raise NotImplementedError

    def load(self) -> None:
        self.loaded.network, self.loaded.tokenizer = self.load_network(self.device)
        between, end = self._tokens([self.separator, "."])
        begin, last = (self.loaded.tokenizer.cls_token_id,), (self.loaded.tokenizer.sep_token_id,)
        self.loaded.frame = Frame(begin, tuple(between), (*end, *last))

    def __call__(self, records: Sequence[Record]) -> None:
        questions = [question for position, record in enumerate(records) for question in self._ask(position, record)]
        answers = self.map(self._answer, questions, lambda q: (q.size, q.length), self._ready, full=False)
        found: list[list[Detection]] = [[] for _ in records]
        for question, (scores, boxes) in zip(questions, answers, strict=True):
            record = records[question.record]
            found[question.record].extend(self._detections(scores, boxes, question, record))
        for record, detections in zip(records, found, strict=True):
            record.instances = to_instances(
                self.best(detections, self.asked(record)), record.width, record.height, self.iou_threshold
            )

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        # A tag that spells a special token, '[SEP]', is text like any other.
        encoded = self.loaded.tokenizer(list(texts), add_special_tokens=False, split_special_tokens=True)
        ids: list[list[int]] = encoded["input_ids"]
        return ids

    def _ask(self, position: int, record: Record) -> list[Question]:
        asked = self.asked(record)
        if not asked:
            return []
        tokens = self._tokens([one.prompt.lower() for one in asked])
        prompts = self._prompts([one.name for one in asked], tokens)
        size = size_by_short_side(record.image.size, self.short_side, self.long_side)
        least = self.floor(asked)
        return [
            Question(position, record.image, size, prompt, self._padded(len(prompt.ids)), least) for prompt in prompts
        ]

    def _prompts(self, names: Sequence[str], tokens: Sequence[Sequence[int]]) -> list[Prompt]:
        frame, limit = self.loaded.frame, self.loaded.network.limit
        if self.prompts == "full":
            most = self.tags_per_prompt or max(1, len(names))
            portions = [slice(start, start + most) for start in range(0, len(names), most)]
            return [one for some in portions for one in build_prompts(names[some], tokens[some], frame, limit)]
        asked: dict[tuple[int, ...], str] = {}  # of names that read the same the first
        for name, ids in zip(names, tokens, strict=True):
            asked.setdefault(tuple(ids), name)
        return [prompt for ids, name in asked.items() for prompt in build_prompts([name], [ids], frame, limit)]

    def _ready(self, question: Question) -> Ready:
        from PIL.Image import Resampling

        resized = question.image.resize(question.size, Resampling.BILINEAR)
        return Ready(question.prompt, question.length, to_tensor(resized, IMAGENET_MEAN, IMAGENET_STD))

    def _padded(self, length: int) -> int:
        limit: int = self.loaded.network.limit
        return min(-(-length // PAD_TO) * PAD_TO, limit)

    def _answer(self, questions: Sequence[Ready]) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        import torch

        length = questions[0].length
        ids = torch.full((len(questions), length), self.loaded.tokenizer.pad_token_id)
        mask = torch.zeros((len(questions), length), dtype=torch.long)
        for row, question in enumerate(questions):
            ids[row, : len(question.prompt.ids)] = torch.tensor(question.prompt.ids)
            mask[row, : len(question.prompt.ids)] = 1
        pixels = torch.stack([question.pixels for question in questions])
        with torch.inference_mode():
            scores, boxes = self.loaded.network(pixels.to(self.device), ids.to(self.device), mask.to(self.device))
        return list(zip(scores.float().cpu().numpy(), boxes.float().cpu().numpy(), strict=True))

    def _detections(
        self, scores: NDArray[np.float32], boxes: NDArray[np.float32], question: Question, record: Record
    ) -> list[Detection]:
        best = scores.max(axis=1)
        found = []
        for query in (best > question.least).nonzero()[0]:
            label = winning_tag(scores[query], question.prompt, self.text_threshold)
            if label is None:  # it answers to the words between the tags: to nothing that anyone asked
                continue
            x, y, w, h = (float(value) for value in boxes[query])
            corners = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
            box = (
                corners[0] * record.width,
                corners[1] * record.height,
                corners[2] * record.width,
                corners[3] * record.height,
            )
            found.append(Detection(box, float(best[query]), label))
        return found


class PortNetwork:
    """A port in transformers, asked by tokens."""

    def __init__(self, model: Any, dtype: str) -> None:
        import transformers

        if dtype != "float32" and transformers.__version__.startswith("4."):
            raise FatalError(
                f"dtype={dtype}: the port in transformers {transformers.__version__} mixes it with float32 and "
                "fails; use dtype=float32, or transformers 5"
            )
        self._model = model
        self._dtype = torch_dtype(dtype)
        text = model.config.text_config
        self.limit = min(model.config.max_text_len, text.max_position_embeddings)

    def __call__(self, pixels: Tensor, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        answer = self._model(pixel_values=pixels.to(self._dtype), input_ids=ids, attention_mask=mask)
        return answer.logits.float().sigmoid(), answer.pred_boxes
