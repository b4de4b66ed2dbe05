"""The Swin Transformer as RAM uses it, in plain torch: square images; a token per patch behind their mean."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PATCH = 4
ELSEWHERE = -100.0  # what attention gets to see of a patch that only the cyclic shift brought into its window


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


class Block(nn.Module):
    def __init__(self, dim: int, heads: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn = WindowAttention(dim, heads, window)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(dim, 4 * dim), "fc2": nn.Linear(4 * dim, dim)})

    def forward(self, grid: Tensor, shift: int, mask: Tensor | None) -> Tensor:
        normed = self.norm1(grid)
        if shift:
            normed = normed.roll((-shift, -shift), (1, 2))
        mixed = from_windows(self.attn(to_windows(normed, self.window), mask), grid.shape, self.window)
        if shift:
            mixed = mixed.roll((shift, shift), (1, 2))
        grid = grid + mixed
        told: Tensor = self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(grid))))
        return grid + told


class WindowAttention(nn.Module):
    relative_position_index: Tensor

    def __init__(self, dim: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.relative_position_bias_table = nn.Parameter(torch.empty((2 * window - 1) ** 2, heads))
        self.register_buffer("relative_position_index", relative_positions(window), persistent=False)

    def forward(self, windows: Tensor, mask: Tensor | None) -> Tensor:
        count, tokens, dim = windows.shape
        qkv = self.qkv(windows).view(count, tokens, 3, self.heads, dim // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        bias = self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)[None]
        if mask is not None:
            bias = (bias + mask[:, None]).repeat(count // len(mask), 1, 1, 1)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias.to(query.dtype))
        projected: Tensor = self.proj(mixed.transpose(1, 2).reshape(count, tokens, dim))
        return projected


class PatchMerging(nn.Module):
    """Four neighbours become one patch of twice the width. Their order is part of the weights."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm, self.reduction = nn.LayerNorm(4 * dim), nn.Linear(4 * dim, 2 * dim, bias=False)

    def forward(self, grid: Tensor) -> Tensor:
        corners = [grid[:, row::2, column::2] for column in (0, 1) for row in (0, 1)]
        reduced: Tensor = self.reduction(self.norm(torch.cat(corners, dim=-1)))
        return reduced


def relative_positions(window: int) -> Tensor:
    """For every pair of places in a window the row of the bias table; real also while building on 'meta'."""
    place = torch.arange(window * window, device="cpu")
    row, column = place // window, place % window
    down = row[:, None] - row[None] + window - 1
    right = column[:, None] - column[None] + window - 1
    return down * (2 * window - 1) + right


def shifted_mask(grid: Tensor, window: int, shift: int) -> Tensor:
    """[windows, tokens, tokens]: patches brought together from opposite edges must not see each other."""
    zones = []
    for side in grid.shape[1:3]:
        place = torch.arange(side, device=grid.device)
        zones.append((place >= side - window).int() + (place >= side - shift).int())
    zone = zones[0][:, None] * 3 + zones[1][None]
    of_window = to_windows(zone[None, :, :, None], window)[..., 0]
    return (of_window[:, :, None] != of_window[:, None]).to(grid.dtype) * ELSEWHERE


def to_windows(grid: Tensor, window: int) -> Tensor:
    batch, height, width, dim = grid.shape
    cut = grid.view(batch, height // window, window, width // window, window, dim)
    return cut.transpose(2, 3).reshape(-1, window * window, dim)


def from_windows(windows: Tensor, shape: torch.Size, window: int) -> Tensor:
    batch, height, width, dim = shape
    pieces = windows.view(batch, height // window, width // window, window, window, dim)
    return pieces.transpose(2, 3).reshape(shape)
