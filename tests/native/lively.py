"""Random weights that tell one input from another.

What constructors leave at zero (positions, offsets, last layers) or at one would make both implementations say the same
to everything, and a comparison of them say nothing.
"""

from __future__ import annotations

from typing import Any


def make_lively(network: Any, seed: int, gain: float = 1.0) -> None:
    import torch

    torch.manual_seed(seed)
    with torch.no_grad():
        for weight in network.parameters():
            if weight.dim() > 1:
                fan_in = weight[0].numel()
                weight.normal_(0, gain / fan_in**0.5)
            else:
                weight.add_(torch.randn_like(weight) * 0.1)
