"""How an answer is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Sampling:
    """temperature=0 is the likeliest word each time. Nothing is left to a checkpoint's own defaults."""

    max_tokens: int = 1024
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0  # 0 or -1: all
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    min_tokens: int = 0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    stop: tuple[str, ...] = ()
    num_beams: int = 1
    length_penalty: float = 1.0

    @property
    def draws(self) -> bool:
        return self.temperature > 0


class Dice:
    """The last of transformers' logits processors: with noise of Gumbel's kind the largest is an exact draw. Each row
    has a generator of its own, on the CPU, so that it is the same draw alone and in company, here and there."""

    def __init__(self, seeds: Sequence[int]) -> None:
        import torch

        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, ids: Tensor, scores: Tensor) -> Tensor:
        import torch

        rows = [torch.rand(scores.shape[-1], generator=generator) for generator in self._generators]
        even = torch.stack(rows).clamp_(1e-20, 1 - 1e-7)
        return scores.float() - torch.log(-torch.log(even)).to(scores.device)


def warpers(sampling: Sampling) -> list[Any]:
    """In transformers' own order."""
    from transformers.generation import logits_process

    ports: Any = logits_process
    found: list[Any] = []
    if sampling.temperature != 1:
        found.append(ports.TemperatureLogitsWarper(sampling.temperature))
    if sampling.top_k > 0:
        found.append(ports.TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        found.append(ports.TopPLogitsWarper(sampling.top_p))
    if sampling.min_p > 0:
        found.append(ports.MinPLogitsWarper(sampling.min_p))
    return found
