"""M-LSD's large network: a MobileNetV2 whose five depths are put together from the coarsest up.

Modules are named as in the published checkpoint (mlsd_large_512_fp32.pth).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labelyard.generate.steps.tools.shapes import Shapes

HALVES = (0, 2, 4, 7)  # the parts of the backbone that halve what they see
KEPT = (1, 3, 6, 10, 13)  # those whose answers are put together
UNUSED = 7  # channels ahead of the score of each point, and of the two ends of the line around it


class ConvNorm(nn.Sequential):
    """Framed as TensorFlow does it: where the size is halved, by a pixel below and on the right."""

    def __init__(self, shapes: Shapes, halves: bool = False, depthwise: bool = False) -> None:
        conv = shapes.conv("0", 2 if halves else 1, padding=0 if halves else None, depthwise=depthwise)
        super().__init__(conv, shapes.batch_norm("1"))
        self._halves = halves

    def forward(self, seen: Tensor) -> Tensor:
        conv, norm = self
        return F.relu6(norm(conv(F.pad(seen, (0, 1, 0, 1)) if self._halves else seen)))


class Inverted(nn.Module):
    def __init__(self, shapes: Shapes, halves: bool) -> None:
        super().__init__()
        widens = shapes.has("conv.3.weight")
        first = [ConvNorm(shapes.within("conv.0"))] if widens else []
        place = len(first)
        deep = ConvNorm(shapes.within(f"conv.{place}"), halves, depthwise=True)
        out, norm = shapes.conv(f"conv.{place + 1}"), shapes.batch_norm(f"conv.{place + 2}")
        self.conv = nn.Sequential(*first, deep, out, norm)
        inputs = shapes.shape("conv.0.0.weight")[1 if widens else 0]
        self._adds = not halves and inputs == out.out_channels

    def forward(self, seen: Tensor) -> Tensor:
        found: Tensor = self.conv(seen)
        return seen + found if self._adds else found


class Backbone(nn.Module):
    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        rest = [Inverted(shapes.within(f"features.{n}"), n in HALVES) for n in range(1, KEPT[-1] + 1)]
        self.features = nn.Sequential(ConvNorm(shapes.within("features.0"), halves=True), *rest)

    def forward(self, seen: Tensor) -> list[Tensor]:
        kept = []
        for number, part in enumerate(self.features):
            seen = part(seen)
            if number in KEPT:
                kept.append(seen)
        return kept


def conv_norm_relu(shapes: Shapes, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(shapes.conv("0", dilation=dilation), shapes.batch_norm("1"), nn.ReLU())


class Join(nn.Module):
    """A finer view beside a coarser one, which is enlarged unless it is the coarsest."""

    def __init__(self, shapes: Shapes, enlarges: bool) -> None:
        super().__init__()
        self.conv1, self.conv2 = (conv_norm_relu(shapes.within(name)) for name in ("conv1", "conv2"))
        self._enlarges = enlarges

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        coarse, fine = self.conv1(coarse), self.conv2(fine)
        if self._enlarges:
            coarse = F.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=True)
        return torch.cat((fine, coarse), dim=1)


class Mix(nn.Module):
    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        self.conv1, self.conv2 = (conv_norm_relu(shapes.within(name)) for name in ("conv1", "conv2"))

    def forward(self, seen: Tensor) -> Tensor:
        mixed: Tensor = self.conv2(self.conv1(seen) + seen)
        return mixed


class Head(nn.Module):
    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        self.conv1 = conv_norm_relu(shapes.within("conv1"), dilation=5)
        self.conv2 = conv_norm_relu(shapes.within("conv2"))
        self.conv3 = shapes.conv("conv3")

    def forward(self, seen: Tensor) -> Tensor:
        told: Tensor = self.conv3(self.conv2(self.conv1(seen)))
        return told


class MLsd(nn.Module):
    """RGB and a channel of ones, from -1 to 1 -> at half the size: score, and the offsets (x, y) of a line's ends."""

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        self.backbone = Backbone(shapes.within("backbone"))
        for number in (15, 17, 19, 21):
            self.add_module(f"block{number}", Join(shapes.within(f"block{number}"), enlarges=number > 15))
            self.add_module(f"block{number + 1}", Mix(shapes.within(f"block{number + 1}")))
        self.block23 = Head(shapes.within("block23"))

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        *finer, seen = self.backbone(pixels)
        for number, fine in zip((15, 17, 19, 21), reversed(finer), strict=True):
            seen = getattr(self, f"block{number + 1}")(getattr(self, f"block{number}")(fine, seen))
        told = self.block23(seen)[:, UNUSED:]
        return told[:, 0].sigmoid(), told[:, 1:5]
