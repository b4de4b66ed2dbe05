"""A convolution that looks where the picture tells it to, and as hard: modulated and deformable, by grid_sample."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labelyard.generate.steps.tools.shapes import Shapes


class DeformableConv(nn.Module):
    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        self.offset_conv = shapes.conv("offset_conv")
        self.modulator_conv = shapes.conv("modulator_conv")
        self.regular_conv = shapes.conv("regular_conv")

    def forward(self, seen: Tensor) -> Tensor:
        weight = self.regular_conv.weight
        return deformed(seen, self.offset_conv(seen), 2 * self.modulator_conv(seen).sigmoid(), weight)


def deformed(seen: Tensor, offsets: Tensor, strength: Tensor, weight: Tensor) -> Tensor:
    """`offsets` has for each place of the kernel how far down and how far right, `strength` one number; what lies
    beyond the edges is zero."""
    batch, _, height, width = seen.shape
    side = weight.shape[-1]
    # Where to look is reckoned in float32, whatever the network computes in: bfloat16 knows no odd number above 256.
    rows = torch.arange(height, device=seen.device, dtype=torch.float32)[:, None]
    columns = torch.arange(width, device=seen.device, dtype=torch.float32)[None]
    whole, offsets = seen.float(), offsets.float()
    found = seen.new_zeros(batch, weight.shape[0], height, width)
    for place in range(side * side):
        down, right = place // side - side // 2, place % side - side // 2
        y = rows + down + offsets[:, 2 * place]
        x = columns + right + offsets[:, 2 * place + 1]
        where = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], dim=-1)
        sampled = F.grid_sample(whole, where, mode="bilinear", padding_mode="zeros", align_corners=False).to(seen.dtype)
        kernel = weight[:, :, place // side, place % side][..., None, None]
        found = found + F.conv2d(sampled * strength[:, place : place + 1], kernel)
    return found
