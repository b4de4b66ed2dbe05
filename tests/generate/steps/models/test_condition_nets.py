"""Networks in plain torch, with small random weights, answer what they did when they agreed with their authors' own
code (tests/consumers/test_annotators.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from labelyard.generate.steps.models.birefnet.network import BiRefNet
from labelyard.generate.steps.models.hed.network import Hed
from labelyard.generate.steps.models.mlsd.network import MLsd
from labelyard.generate.steps.models.openpose.network import OpenPose
from labelyard.generate.steps.models.uniformer.network import UniFormer
from labelyard.generate.steps.tools.shapes import built
from tests.tiny import states

# Of each answer the mean, the spread, and three of its numbers.
ANSWERED: dict[str, list[float]] = {
    "hed": [0.733276, 0.095663, 0.483897, 0.560229, 0.633959],
    "mlsd": [0.121712, 1.289091, 0.446495, -0.02846, -0.373613],
    "openpose": [0.042064, 0.449865, 0.437008, 0.204011, 0.132023],
    "birefnet": [-0.002461, 1.683736, -1.332927, 1.406916, 1.0635],
    "uniformer": [0.573715, 3.213122, -0.96671, 0.919832, 0.239099],
}


def seen(channels: int) -> torch.Tensor:
    return torch.from_numpy(np.random.RandomState(1).standard_normal((1, channels, 64, 96))).float()


@pytest.mark.parametrize(
    ("name", "network", "sizes", "channels"),
    [
        ("hed", Hed, states.hed, 3),
        ("mlsd", MLsd, states.mlsd, 4),
        ("openpose", OpenPose, states.openpose, 3),
        ("birefnet", BiRefNet, states.birefnet, 3),
        ("uniformer", UniFormer, states.uniformer, 3),
    ],
)
def test_what_a_network_answers(name: str, network: Any, sizes: Callable[[], states.Sizes], channels: int) -> None:
    net = built(network, states.filled(sizes()), name, name)
    with torch.inference_mode():
        answer = net(seen(channels))
    parts = answer if isinstance(answer, tuple) else (answer,)
    flat = torch.cat([part.double().flatten() for part in parts])
    found = [flat.mean(), flat.std(), flat[0], flat[len(flat) // 2], flat[-1]]
    assert [round(float(value), 6) for value in found] == pytest.approx(ANSWERED[name], abs=1e-4)
    assert flat.std() > 0.01
