"""The Swin Transformer as BiRefNet sees with it: any size, and what each of its four stages has found."""

from __future__ import annotations

import math
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from labelyard.generate.steps.models.swin.blocks import Block, PatchMerging, shifted_mask
from labelyard.generate.steps.tools.shapes import Shapes


class Stage(nn.Module):
    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        rows, heads = shapes.shape("blocks.0.attn.relative_position_bias_table")
        dim = shapes.shape("blocks.0.norm1.weight")[0]
        self.window = (math.isqrt(rows) + 1) // 2
        self.blocks = nn.ModuleList(Block(dim, heads, self.window) for _ in range(shapes.count("blocks")))
        self.downsample = PatchMerging(dim) if shapes.has("downsample.reduction.weight") else None

    def forward(self, grid: Tensor) -> Tensor:
        shift = self.window // 2
        mask = shifted_mask(grid, self.window, shift)
        for number, block in enumerate(self.blocks):
            grid = block(grid, shift, mask) if number % 2 else block(grid, 0, None)
        return grid


class Swin(nn.Module):
    patch_embed: Any  # a plain module, there for the names of the checkpoint

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        side = shapes.shape("patch_embed.proj.weight")[-1]
        self.patch_embed = nn.ModuleDict(
            {
                "proj": shapes.conv("patch_embed.proj", stride=side, padding=0),
                "norm": shapes.layer_norm("patch_embed.norm"),
            }
        )
        self.layers = nn.ModuleList(Stage(shapes.within(f"layers.{n}")) for n in range(shapes.count("layers")))
        for number in range(len(self.layers)):
            self.add_module(f"norm{number}", shapes.layer_norm(f"norm{number}"))

    def forward(self, images: Tensor) -> list[Tensor]:
        side = self.patch_embed["proj"].kernel_size[0]
        right, below = -images.shape[-1] % side, -images.shape[-2] % side
        grid = self.patch_embed["proj"](F.pad(images, (0, right, 0, below))).permute(0, 2, 3, 1)
        grid = self.patch_embed["norm"](grid)
        found = []
        for number, stage in enumerate(self.layers):
            assert isinstance(stage, Stage)
            grid = stage(grid)
            found.append(getattr(self, f"norm{number}")(grid).permute(0, 3, 1, 2).contiguous())
            if stage.downsample is not None:
                grid = stage.downsample(grid)
        return found
