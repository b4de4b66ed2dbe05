"""OpenPose's body network: a VGG's beginning, and six rounds of two branches, one of joints and one of limbs.

Layers are named as in the published checkpoint (body_pose_model.pth).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labelyard.generate.steps.tools.shapes import Shapes

TRUNK = (
    "conv1_1", "conv1_2", "pool", "conv2_1", "conv2_2", "pool", "conv3_1", "conv3_2", "conv3_3", "conv3_4", "pool",
    "conv4_1", "conv4_2", "conv4_3_CPM", "conv4_4_CPM",
)  # fmt: skip
FIRST = ("conv5_1_CPM", "conv5_2_CPM", "conv5_3_CPM", "conv5_4_CPM", "conv5_5_CPM")
LIMBS, PLACES = "L1", "L2"
ROUNDS = 6
# The last layer of the last round of joints has a ReLU, unlike all others that end a branch: it was trained so.
LAST = f"Mconv7_stage{ROUNDS}_{PLACES}"


def layers(stage: int, branch: str) -> list[str]:
    if stage == 1:
        return [f"{name}_{branch}" for name in FIRST]
    return [f"Mconv{n}_stage{stage}_{branch}" for n in range(1, 8)]


class OpenPose(nn.Module):
    """BGR, from -0.5 to 0.5 -> at an eighth of the size: fields of limbs (38), and maps of joints (18 and the rest)."""

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        names = [name for name in TRUNK if name != "pool"]
        names += [
            name for stage in range(1, ROUNDS + 1) for branch in (LIMBS, PLACES) for name in layers(stage, branch)
        ]
        for name in names:
            self.add_module(name, shapes.conv(name))

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        seen = pixels
        for name in TRUNK:
            seen = F.max_pool2d(seen, 2, 2) if name == "pool" else F.relu(getattr(self, name)(seen))
        given = seen
        for stage in range(1, ROUNDS + 1):
            limbs, joints = (self._branch(given, layers(stage, branch)) for branch in (LIMBS, PLACES))
            given = torch.cat([limbs, joints, seen], dim=1)
        return limbs, joints

    def _branch(self, seen: Tensor, names: list[str]) -> Tensor:
        for name in names:
            seen = getattr(self, name)(seen)
            if name != names[-1] or name == LAST:
                seen = F.relu(seen)
        return seen
