"""The Swin Transformer as RAM uses it, in plain torch: square images; a token per patch behind their mean."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from labelyard.generate.steps.models.swin.blocks import Block, PatchMerging, shifted_mask

PATCH = 4


@dataclass(frozen=True)
class StageSizes:
    depth: int
    heads: int
    window: int


@dataclass(frozen=True)
class SwinSizes:
    dim: int
    stages: tuple[StageSizes, ...]

    @property
    def width(self) -> int:
        return int(self.dim * 2 ** (len(self.stages) - 1))


def swin_sizes(state: Mapping[str, Tensor], prefix: str) -> SwinSizes:
    """Read from the shapes: a bias table has (2*window - 1)^2 rows and a column for each head."""
    depths: dict[int, int] = {}
    block = re.compile(re.escape(prefix) + r"layers\.(\d+)\.blocks\.(\d+)\.norm1\.weight")
    for match in filter(None, map(block.match, state)):
        depths[int(match[1])] = max(depths.get(int(match[1]), 0), int(match[2]) + 1)
    stages = []
    for stage in range(len(depths)):
        rows, heads = state[f"{prefix}layers.{stage}.blocks.0.attn.relative_position_bias_table"].shape
        stages.append(StageSizes(depths[stage], heads, (math.isqrt(rows) + 1) // 2))
    return SwinSizes(state[f"{prefix}patch_embed.proj.weight"].shape[0], tuple(stages))


class Swin(nn.Module):
    def __init__(self, sizes: SwinSizes) -> None:
        super().__init__()
        self.patch_embed = nn.ModuleDict(
            {"proj": nn.Conv2d(3, sizes.dim, PATCH, PATCH), "norm": nn.LayerNorm(sizes.dim)}
        )
        last = len(sizes.stages) - 1
        self.layers = nn.ModuleList(
            Stage(sizes.dim * 2**i, stage, merges=i < last) for i, stage in enumerate(sizes.stages)
        )
        self.norm = nn.LayerNorm(sizes.width)

    def forward(self, images: Tensor) -> Tensor:
        grid = self.patch_embed["norm"](self.patch_embed["proj"](images).permute(0, 2, 3, 1))
        for layer in self.layers:
            grid = layer(grid)
        patches = self.norm(grid).flatten(1, 2)
        return torch.cat([patches.mean(1, keepdim=True), patches], dim=1)


class Stage(nn.Module):
    def __init__(self, dim: int, sizes: StageSizes, merges: bool) -> None:
        super().__init__()
        self.window = sizes.window
        self.blocks = nn.ModuleList(Block(dim, sizes.heads, sizes.window) for _ in range(sizes.depth))
        self.downsample = PatchMerging(dim) if merges else None

    def forward(self, grid: Tensor) -> Tensor:
        # Every other block works on windows shifted by half; with a single window there is nothing to shift.
        shift = self.window // 2 if grid.shape[1] > self.window else 0
        mask = shifted_mask(grid, self.window, shift) if shift else None
        for number, block in enumerate(self.blocks):
            odd = bool(number % 2 and shift)
            grid = block(grid, shift if odd else 0, mask if odd else None)
        return grid if self.downsample is None else self.downsample(grid)
