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
    """Spread so that what goes through neither dies nor grows without end. The same with every release of torch."""
    import numpy as np
    import torch

    drawn = np.random.RandomState(seed)
    found: dict[str, Any] = {}
    for name, shape in sizes.items():
        values = torch.from_numpy(drawn.standard_normal(shape)).float()
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


def birefnet(dim: int = 8, window: int = 2) -> Sizes:
    """Four stages of two blocks each; of the decoder the sizes that follow from them."""

    def pyramid(name: str, width: int) -> Sizes:
        sizes: Sizes = {}
        for branch, side in (("aspp1", 1), ("aspp_deforms.0", 1), ("aspp_deforms.1", 3)):
            start = f"{name}.{branch}"
            for part, outputs in (("offset_conv", 2 * side * side), ("modulator_conv", side * side)):
                sizes |= conv(f"{start}.atrous_conv.{part}", width, outputs, side)
            sizes |= conv(f"{start}.atrous_conv.regular_conv", width, 6, side, bias=False) | norm(f"{start}.bn", 6)
        sizes |= conv(f"{name}.global_avg_pool.1", width, 6, bias=False) | norm(f"{name}.global_avg_pool.2", 6)
        return sizes | conv(f"{name}.conv1", 4 * 6, width, bias=False) | norm(f"{name}.bn1", width)

    def block(name: str, inputs: int, outputs: int) -> Sizes:
        sizes = conv(f"{name}.conv_in", inputs, 6, 3) | norm(f"{name}.bn_in", 6) | pyramid(f"{name}.dec_att", 6)
        return sizes | conv(f"{name}.conv_out", 6, outputs, 3) | norm(f"{name}.bn_out", outputs)

    sizes = conv("bb.patch_embed.proj", 3, dim, 4) | layer_norm("bb.patch_embed.norm", dim)
    for stage in range(4):
        width = dim * 2**stage
        for number in range(2):
            start = f"bb.layers.{stage}.blocks.{number}"
            sizes |= layer_norm(f"{start}.norm1", width) | layer_norm(f"{start}.norm2", width)
            sizes |= {f"{start}.attn.relative_position_bias_table": ((2 * window - 1) ** 2, 2)}
            sizes |= linear(f"{start}.attn.qkv", width, 3 * width) | linear(f"{start}.attn.proj", width, width)
            sizes |= linear(f"{start}.mlp.fc1", width, 4 * width) | linear(f"{start}.mlp.fc2", 4 * width, width)
        if stage < 3:
            start = f"bb.layers.{stage}.downsample"
            sizes |= layer_norm(f"{start}.norm", 4 * width) | {f"{start}.reduction.weight": (2 * width, 4 * width)}
        sizes |= layer_norm(f"bb.norm{stage}", width)
    found = [2 * dim * 2**stage for stage in (3, 2, 1, 0)]  # the coarsest first; twice, for the two sizes
    sizes |= block("squeeze_module.0", sum(found), found[0])
    again = 4
    for number, tile in zip((5, 4, 3, 2, 1), (32, 16, 8, 4, 1), strict=True):
        start = f"decoder.ipt_blk{number}"
        sizes |= conv(f"{start}.conv1", 3 * tile * tile, 6, 3) | conv(f"{start}.conv_out", 6, again, 3)
    outputs = [*found[1:], found[-1] // 2]
    for place, number in enumerate((4, 3, 2, 1)):
        sizes |= block(f"decoder.decoder_block{number}", found[place] + again, outputs[place])
        if number > 1:
            sizes |= conv(f"decoder.lateral_block{number}.conv", found[place + 1], outputs[place])
            start = f"decoder.gdt_convs_{number}"
            sizes |= conv(f"{start}.0", outputs[place], 4, 3) | norm(f"{start}.1", 4)
            sizes |= conv(f"decoder.gdt_convs_attn_{number}.0", 4, 1)
    return sizes | conv("decoder.conv_out1.0", outputs[-1] + again, 1)


def uniformer(classes: int = 150) -> Sizes:
    def conv_norm(name: str, inputs: int, outputs: int, side: int = 1) -> Sizes:
        return conv(f"{name}.conv", inputs, outputs, side, bias=False) | norm(f"{name}.bn", outputs)

    dims, width = (8, 8, 12, 16), 8
    sizes: Sizes = {}
    inputs = 3
    for stage, dim in enumerate(dims, start=1):
        start = f"backbone.patch_embed{stage}"
        sizes |= conv(f"{start}.proj", inputs, dim, 4 if stage == 1 else 2) | layer_norm(f"{start}.norm", dim)
        start = f"backbone.blocks{stage}.0"
        sizes |= conv(f"{start}.pos_embed", 1, dim, 3)
        if stage < 3:
            sizes |= norm(f"{start}.norm1", dim) | norm(f"{start}.norm2", dim) | conv(f"{start}.attn", 1, dim, 5)
            sizes |= conv(f"{start}.conv1", dim, dim) | conv(f"{start}.conv2", dim, dim)
            sizes |= conv(f"{start}.mlp.fc1", dim, 2 * dim) | conv(f"{start}.mlp.fc2", 2 * dim, dim)
        else:
            sizes |= layer_norm(f"{start}.norm1", dim) | layer_norm(f"{start}.norm2", dim)
            sizes |= linear(f"{start}.attn.qkv", dim, 3 * dim) | linear(f"{start}.attn.proj", dim, dim)
            sizes |= linear(f"{start}.mlp.fc1", dim, 2 * dim) | linear(f"{start}.mlp.fc2", 2 * dim, dim)
        sizes |= layer_norm(f"backbone.norm{stage}", dim)
        inputs = dim
    for number in range(4):
        sizes |= conv_norm(f"decode_head.psp_modules.{number}.1", dims[3], width)
    sizes |= conv_norm("decode_head.bottleneck", dims[3] + 4 * width, width, 3)
    for number in range(3):
        sizes |= conv_norm(f"decode_head.lateral_convs.{number}", dims[number], width)
        sizes |= conv_norm(f"decode_head.fpn_convs.{number}", width, width, 3)
    return (
        sizes
        | conv_norm("decode_head.fpn_bottleneck", 4 * width, width, 3)
        | conv("decode_head.conv_seg", width, classes)
    )
