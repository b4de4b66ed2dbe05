"""What a Swin Transformer is made of, in plain torch: windows of patches that attend to each other, shifted by half in
every other block. Where windows do not fill a grid it is filled up with zeros, below and right."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ELSEWHERE = -100.0  # what attention gets to see of a patch that only the cyclic shift brought into its window


class Block(nn.Module):
    def __init__(self, dim: int, heads: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn = WindowAttention(dim, heads, window)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(dim, 4 * dim), "fc2": nn.Linear(4 * dim, dim)})

    def forward(self, grid: Tensor, shift: int, mask: Tensor | None) -> Tensor:
        height, width = grid.shape[1:3]
        normed = filled_up(self.norm1(grid), self.window)
        if shift:
            normed = normed.roll((-shift, -shift), (1, 2))
        mixed = from_windows(self.attn(to_windows(normed, self.window), mask), normed.shape, self.window)
        if shift:
            mixed = mixed.roll((shift, shift), (1, 2))
        grid = grid + mixed[:, :height, :width]
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
        grid = filled_up(grid, 2)
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


def filled_up(grid: Tensor, multiple: int) -> Tensor:
    height, width = grid.shape[1:3]
    below, right = -height % multiple, -width % multiple
    return F.pad(grid, (0, 0, 0, right, 0, below)) if below or right else grid


def shifted_mask(grid: Tensor, window: int, shift: int) -> Tensor:
    """[windows, tokens, tokens]: patches brought together from opposite edges must not see each other."""
    zones = []
    for side in (side + -side % window for side in grid.shape[1:3]):
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
