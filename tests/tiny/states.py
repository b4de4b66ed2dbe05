"""Small random weights under the names of published checkpoints, of networks that read their sizes from them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

Sizes = dict[str, tuple[int, ...]]


def conv(name: str, inputs: int, outputs: int, side: int = 1, bias: bool = True) -> Sizes:
    return {f"{name}.weight": (outputs, inputs, side, side)} | ({f"{name}.bias": (outputs,)} if bias else {})


def norm(name: str, width: int) -> Sizes:
    return {f"{name}.{part}": (width,) for part in ("weight", "bias", "running_mean", "running_var")}


def layer_norm(name: str, width: int) -> Sizes:
    return {f"{name}.{part}": (width,) for part in ("weight", "bias")}


def linear(name: str, inputs: int, outputs: int) -> Sizes:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def filled(sizes: Mapping[str, tuple[int, ...]], seed: int = 0) -> dict[str, Any]:
    """Spread so that what goes through neither dies nor grows without end."""
    import torch

    drawn = torch.Generator().manual_seed(seed)
    found: dict[str, Any] = {}
    for name, shape in sizes.items():
        values = torch.randn(shape, generator=drawn)
        if len(shape) > 1:
            values *= (2 / max(1, values[0].numel())) ** 0.5
        elif name.endswith("running_var") or (name.endswith("weight") and len(shape) == 1):
            values = 1 + 0.1 * values.abs()
        else:
            values *= 0.1
        found[name] = values
    return found


def saved(sizes: Mapping[str, tuple[int, ...]], path: Path, seed: int = 0) -> str:
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(filled(sizes, seed), path)
    return str(path)


def hed() -> Sizes:
    sizes: Sizes = {"norm": (1, 3, 1, 1)}
    inputs = 3
    for block, (width, count) in enumerate(((4, 2), (4, 2), (6, 3), (6, 3), (8, 3)), start=1):
        for number in range(count):
            sizes |= conv(f"block{block}.convs.{number}", inputs, width, 3)
            inputs = width
        sizes |= conv(f"block{block}.projection", width, 1)
    return sizes


def hed_bsds() -> Sizes:
    """Under the names of network-bsds500.pth."""
    sizes: Sizes = {}
    inputs = 3
    for block, (width, count) in enumerate(((4, 2), (4, 2), (6, 3), (6, 3), (8, 3))):
        number = ("One", "Two", "Three", "Four", "Five")[block]
        for place in range(count):
            sizes |= conv(f"moduleVgg{number}.{2 * place + (block > 0)}", inputs, width, 3)
            inputs = width
        sizes |= conv(f"moduleScore{number}", width, 1)
    return sizes | conv("moduleCombine.0", 5, 1)


def mlsd() -> Sizes:
    def conv_norm(name: str, inputs: int, outputs: int, side: int = 1) -> Sizes:
        return conv(f"{name}.0", inputs, outputs, side, bias=False) | norm(f"{name}.1", outputs)

    def biased(name: str, inputs: int, outputs: int, side: int = 1) -> Sizes:
        return conv(f"{name}.0", inputs, outputs, side) | norm(f"{name}.1", outputs)

    widths = [8, 8, 8, 8, 12, 12, 12, 16, 16, 16, 16, 16, 16, 16]  # of what each part of the backbone gives
    sizes = conv_norm("backbone.features.0", 4, widths[0], 3)
    for number in range(1, len(widths)):
        start, inputs = f"backbone.features.{number}.conv", widths[number - 1]
        hidden, place = inputs, 0
        if number > 1:
            hidden, place = 2 * inputs, 1
            sizes |= conv_norm(f"{start}.0", inputs, hidden)
        sizes |= conv_norm(f"{start}.{place}", 1, hidden, 3)
        sizes |= conv(f"{start}.{place + 1}", hidden, widths[number], bias=False)
        sizes |= norm(f"{start}.{place + 2}", widths[number])
    coarse = widths[13]
    for number, kept in ((15, 10), (17, 6), (19, 3), (21, 1)):
        sizes |= biased(f"block{number}.conv1", coarse, 8) | biased(f"block{number}.conv2", widths[kept], 8)
        sizes |= biased(f"block{number + 1}.conv1", 16, 16, 3) | biased(f"block{number + 1}.conv2", 16, 8, 3)
        coarse = 8
    sizes |= biased("block23.conv1", 8, 8, 3) | biased("block23.conv2", 8, 8, 3)
    return sizes | conv("block23.conv3", 8, 16)


def openpose() -> Sizes:
    from labelyard.generate.steps.models.openpose.network import FIRST, LIMBS, PLACES, TRUNK

    sizes: Sizes = {}
    inputs = 3
    for name in (name for name in TRUNK if name != "pool"):
        sizes |= conv(name, inputs, 6, 3)
        inputs = 6
    outputs = {LIMBS: 38, PLACES: 19}
    for branch, out in outputs.items():
        inputs = 6
        for place, name in enumerate(FIRST):
            width = out if place == len(FIRST) - 1 else 6
            sizes |= conv(f"{name}_{branch}", inputs, width, 3 if place < 3 else 1)
            inputs = width
        for stage in range(2, 7):
            inputs = 6 + sum(outputs.values())
            for number in range(1, 8):
                width = out if number == 7 else 6
                sizes |= conv(f"Mconv{number}_stage{stage}_{branch}", inputs, width, 7 if number < 6 else 1)
                inputs = width
    return sizes
