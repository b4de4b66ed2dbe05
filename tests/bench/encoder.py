"""How many images a second the segmenting encoder takes by itself: the bound of a pipeline that has it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from labelyard.generate.media.load import Load, load
from labelyard.generate.record import Item
from labelyard.generate.steps.segment.box_masks import BoxMasks

SIZES = (1, 2, 4, 8)  # images at once
ROUNDS = 5


def encoder_rates(step: BoxMasks, items: Sequence[Item], device: str) -> dict[int, float]:
    """Images per second by batch size, of images that are framed already; on a CPU one at a time only."""
    import torch

    framed: list[Any] = [step._framed(load(item, None, Load())).pixels for item in items[: max(SIZES)]]
    rates: dict[int, float] = {}
    for size in SIZES if device != "cpu" else SIZES[:1]:
        if size > len(framed):
            break
        pixels = torch.stack(framed[:size])
        with torch.inference_mode():
            step.loaded.masker.encode(pixels.to(device))  # what the first of a shape pays for
            _wait(device)
            began = time.perf_counter()
            for _ in range(ROUNDS):
                step.loaded.masker.encode(pixels.to(device))
            _wait(device)
        rates[size] = ROUNDS * size / (time.perf_counter() - began)
    return rates


def _wait(device: str) -> None:
    if device != "cpu":
        import torch

        torch.cuda.synchronize()
