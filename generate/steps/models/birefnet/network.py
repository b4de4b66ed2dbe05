"""BiRefNet: a Swin Transformer that looks twice, at the whole size and at half of it, and a decoder that is shown the
picture again at each of its steps.

Modules are named as in the published checkpoint; RMBG-2.0 has the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labelyard.generate.steps.models.birefnet.deformable import DeformableConv
from labelyard.generate.steps.models.birefnet.swin import Swin
from labelyard.generate.steps.tools.shapes import Shapes


def resized(seen: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(seen, like.shape[-2:], mode="bilinear", align_corners=True)


class DeformableBranch(nn.Module):
    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        self.atrous_conv = DeformableConv(shapes.within("atrous_conv"))
        self.bn = shapes.batch_norm("bn")

    def forward(self, seen: Tensor) -> Tensor:
        return F.relu(self.bn(self.atrous_conv(seen)))


class Pyramid(nn.Module):
    """Views of several widths, and the mean of all."""

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        self.aspp1 = DeformableBranch(shapes.within("aspp1"))
        branches = range(shapes.count("aspp_deforms"))
        self.aspp_deforms = nn.ModuleList(DeformableBranch(shapes.within(f"aspp_deforms.{n}")) for n in branches)
        mean = (nn.AdaptiveAvgPool2d(1), shapes.conv("global_avg_pool.1"), shapes.batch_norm("global_avg_pool.2"))
        self.global_avg_pool = nn.Sequential(*mean, nn.ReLU())
        self.conv1, self.bn1 = shapes.conv("conv1"), shapes.batch_norm("bn1")

    def forward(self, seen: Tensor) -> Tensor:
        views = [branch(seen) for branch in (self.aspp1, *self.aspp_deforms)]
        views.append(resized(self.global_avg_pool(seen), seen))
        return F.relu(self.bn1(self.conv1(torch.cat(views, dim=1))))


class Block(nn.Module):
    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        self.conv_in, self.bn_in = shapes.conv("conv_in"), shapes.batch_norm("bn_in")
        self.dec_att = Pyramid(shapes.within("dec_att"))
        self.conv_out, self.bn_out = shapes.conv("conv_out"), shapes.batch_norm("bn_out")

    def forward(self, seen: Tensor) -> Tensor:
        found: Tensor = self.bn_out(self.conv_out(self.dec_att(F.relu(self.bn_in(self.conv_in(seen))))))
        return found


class Again(nn.Module):
    """The picture itself, cut into tiles that lie on top of each other, as many as make it the size of a step."""

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        self.conv1, self.conv_out = shapes.conv("conv1"), shapes.conv("conv_out")

    def forward(self, images: Tensor, like: Tensor) -> Tensor:
        found: Tensor = self.conv_out(self.conv1(resized(tiles(images, like), like)))
        return found


def tiles(images: Tensor, like: Tensor) -> Tensor:
    batch, channels, height, width = images.shape
    down, across = height // like.shape[-2], width // like.shape[-1]
    cut = images.reshape(batch, channels, down, height // down, across, width // across)
    return cut.permute(0, 1, 2, 4, 3, 5).reshape(batch, channels * down * across, height // down, width // across)


class Decoder(nn.Module):
    ipt_blk1: Any
    ipt_blk2: Any
    decoder_block1: Any

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        for number in range(1, 6):
            self.add_module(f"ipt_blk{number}", Again(shapes.within(f"ipt_blk{number}")))
        for number in range(1, 5):
            self.add_module(f"decoder_block{number}", Block(shapes.within(f"decoder_block{number}")))
        for number in (2, 3, 4):
            lateral = nn.ModuleDict({"conv": shapes.conv(f"lateral_block{number}.conv")})
            self.add_module(f"lateral_block{number}", lateral)
            named = f"gdt_convs_{number}"
            self.add_module(named, nn.Sequential(shapes.conv(f"{named}.0"), shapes.batch_norm(f"{named}.1"), nn.ReLU()))
            named = f"gdt_convs_attn_{number}"
            self.add_module(named, nn.Sequential(shapes.conv(f"{named}.0")))
        self.conv_out1 = nn.Sequential(shapes.conv("conv_out1.0"))

    def forward(self, images: Tensor, found: Sequence[Tensor]) -> Tensor:
        """`found` is what the four stages see, the finest first."""
        seen = found[3]
        for number in (4, 3, 2):
            seen = torch.cat([seen, getattr(self, f"ipt_blk{number + 1}")(images, seen)], dim=1)
            seen = getattr(self, f"decoder_block{number}")(seen)
            seen = (
                seen * getattr(self, f"gdt_convs_attn_{number}")(getattr(self, f"gdt_convs_{number}")(seen)).sigmoid()
            )
            finer = found[number - 2]
            seen = resized(seen, finer) + getattr(self, f"lateral_block{number}")["conv"](finer)
        seen = torch.cat([seen, self.ipt_blk2(images, seen)], dim=1)
        seen = resized(self.decoder_block1(seen), images)
        logits: Tensor = self.conv_out1(torch.cat([seen, self.ipt_blk1(images, seen)], dim=1))
        return logits


class BiRefNet(nn.Module):
    """Normalised RGB, both sides multiples of 32 -> logits of what stands before the rest."""

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        self.bb = Swin(shapes.within("bb"))
        self.squeeze_module = nn.Sequential(Block(shapes.within("squeeze_module.0")))
        self.decoder = Decoder(shapes.within("decoder"))

    def forward(self, images: Tensor) -> Tensor:
        half = F.interpolate(
            images, (images.shape[-2] // 2, images.shape[-1] // 2), mode="bilinear", align_corners=True
        )
        pairs = zip(self.bb(images), self.bb(half), strict=True)
        found = [torch.cat([whole, resized(small, whole)], dim=1) for whole, small in pairs]
        found[3] = self.squeeze_module(torch.cat([*(resized(finer, found[3]) for finer in found[:3]), found[3]], dim=1))
        logits: Tensor = self.decoder(images, found)
        return logits
