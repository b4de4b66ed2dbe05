"""Kernels that round by the place, as no machine must be searched for.

What a layer gives is disturbed by noise that its shape, the place in it, and where its input lies in memory decide, as
real ones do by their last bits: on some CPUs and GPUs by this, on some by that. So a step is seen here, on any machine,
as it would be on the worst.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

ALIGNED = 64  # bytes, to which torch lays out what it makes
UNIT = 2.0**-24  # how far float32 may round, relative to the number
VISIBLE = 2.0**-8  # in masks and words too


@contextmanager
def rounding_by_place(strength: float | None = None, seed: int = 0) -> Iterator[list[str]]:
    """Of all layers with weights, also in threads; the kinds of those that were disturbed.

    Without `strength` by as much as sums of so many products differ that are added up in two orders: 2 √n units, since
    rounding errors are as good as independent.
    """
    import torch
    from torch import nn

    seen: list[str] = []
    noises: dict[tuple[Any, ...], Any] = {}

    def disturbed(module: Any, given: Any, answer: Any) -> Any:
        if not isinstance(module, nn.Linear | nn.modules.conv._ConvNd) or not given:
            return None
        seen.append(type(module).__name__)
        relative = 2 * module.weight[0].numel() ** 0.5 * UNIT if strength is None else strength
        key = (*answer.shape, given[0].data_ptr() % ALIGNED)
        kind = (key, relative, answer.dtype)
        if kind not in noises:
            chance = torch.Generator().manual_seed(hash((seed, *key)) % 2**63)
            noises[kind] = 1 + relative * (2 * torch.rand(answer.shape, generator=chance) - 1).to(answer.dtype)
        return answer * noises[kind]

    handle = nn.modules.module.register_module_forward_hook(disturbed)
    try:
        yield seen
    finally:
        handle.remove()
