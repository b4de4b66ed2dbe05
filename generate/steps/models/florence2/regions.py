"""What Florence-2 says about places: words, and behind them the boxes that they are about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from labelyard.generate.record import Box
from labelyard.generate.steps.tools.pixels import aligned
from labelyard.generate.steps.tools.weights import load_pretrained, load_processor, torch_dtype

if TYPE_CHECKING:
    from PIL.Image import Image

BINS = 1000


@dataclass(frozen=True)
class Region:
    words: str
    box: Box
    score: float  # how sure the model was of the four numbers: the geometric mean of their probabilities


@dataclass(frozen=True)
class Question:
    image: Image
    task: str
    about: str = ""  # the words that it asks about


class Florence2Regions:
    def __init__(self, checkpoint: str, revision: str | None, dtype: str, device: str, max_new_tokens: int) -> None:
        from transformers import AutoProcessor, Florence2ForConditionalGeneration

        self.processor = cast(Any, load_processor(cast(Any, AutoProcessor), checkpoint, revision))
        self.model: Any = load_pretrained(
            cast(Any, Florence2ForConditionalGeneration), checkpoint, device=device, dtype=dtype, revision=revision
        )
        vocabulary = self.processor.tokenizer.get_vocab()
        self._bins = {vocabulary[f"<loc_{n}>"]: n for n in range(BINS) if f"<loc_{n}>" in vocabulary}
        self._device, self._dtype, self._most = device, torch_dtype(dtype), max_new_tokens

    def length(self, question: Question) -> int:
        """Of its words, in tokens: questions of one task and length go together, and nothing is padded.

        The processor puts them behind a blank, where many a word is fewer tokens.
        """
        return len(self.processor.tokenizer(f" {question.about.strip()}")["input_ids"])

    def answers(self, questions: Sequence[Question]) -> list[list[Region]]:
        import torch

        given = self.processor(
            images=[question.image for question in questions],
            text=[question.task + question.about for question in questions],
            padding=True,
            return_tensors="pt",
        ).to(self._device, self._dtype)
        with torch.inference_mode():
            made = self.model.generate(
                **aligned(given),
                max_new_tokens=self._most,
                num_beams=1,
                do_sample=False,
                return_dict_in_generate=True,
                output_scores=True,
            )
        chances = torch.stack([step.float().softmax(-1).amax(-1) for step in made.scores], dim=1).cpu()
        tokens = made.sequences[:, -chances.shape[1] :].cpu()
        return [
            read_regions(row.tolist(), sure.tolist(), self._bins, question.image.size, self._words)
            for question, row, sure in zip(questions, tokens, chances, strict=True)
        ]

    def _words(self, tokens: Sequence[int]) -> str:
        return " ".join(str(self.processor.tokenizer.decode(tokens, skip_special_tokens=True)).split())


def read_regions(
    tokens: Sequence[int],
    chances: Sequence[float],
    bins: Mapping[int, int],
    size: tuple[int, int],
    decode: Callable[[Sequence[int]], str],
) -> list[Region]:
    """Each four places in a row are a box, in thousandths of the image, at the middle of their bin. It is about the
    words before; several boxes in a row are about the same."""
    regions: list[Region] = []
    words: list[int] = []
    numbers: list[int] = []
    sure, said = 1.0, False  # whether a box was said since the last words
    for token, chance in zip(tokens, chances, strict=True):
        if token not in bins:
            words = [token] if said or numbers else [*words, token]
            numbers, sure, said = [], 1.0, False
            continue
        numbers.append(bins[token])
        sure *= chance
        if len(numbers) == 4:
            x1, y1, x2, y2 = ((n + 0.5) / BINS * size[i % 2] for i, n in enumerate(numbers))
            regions.append(Region(decode(words), (x1, y1, x2, y2), sure**0.25))
            numbers, sure, said = [], 1.0, True
    return regions
