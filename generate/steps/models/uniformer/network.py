"""UniFormer with an UPer head: convolutions where it sees finely, attention where it sees coarsely, and what all four
depths have found put together.

Modules are named as in the published checkpoint (upernet_global_small.pth).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labelyard.generate.steps.tools.shapes import Shapes

HEAD = 64  # channels of a head of attention; not to be seen in the weights
EPS = 1e-6
POOLED = (1, 2, 3, 6)  # sides to which the coarsest view is reduced
FINE = 2  # of the four stages


def resized(seen: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(seen, like.shape[-2:], mode="bilinear", align_corners=False)


def by_channel(norm: nn.Module, seen: Tensor) -> Tensor:
    normed: Tensor = norm(seen.permute(0, 2, 3, 1))
    return normed.permute(0, 3, 1, 2).contiguous()


class Patches(nn.Module):
    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        side = shapes.shape("proj.weight")[-1]
        self.proj, self.norm = shapes.conv("proj", stride=side, padding=0), shapes.layer_norm("norm")

    def forward(self, seen: Tensor) -> Tensor:
        return by_channel(self.norm, self.proj(seen))


class FineBlock(nn.Module):
    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        self.pos_embed = shapes.conv("pos_embed", depthwise=True)
        self.norm1, self.norm2 = shapes.batch_norm("norm1"), shapes.batch_norm("norm2")
        self.conv1, self.conv2 = shapes.conv("conv1"), shapes.conv("conv2")
        self.attn = shapes.conv("attn", depthwise=True)
        self.mlp = nn.ModuleDict({name: shapes.conv(f"mlp.{name}") for name in ("fc1", "fc2")})

    def forward(self, seen: Tensor) -> Tensor:
        seen = seen + self.pos_embed(seen)
        seen = seen + self.conv2(self.attn(self.conv1(self.norm1(seen))))
        told: Tensor = self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(seen))))
        return seen + told


class CoarseBlock(nn.Module):
    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        self.pos_embed = shapes.conv("pos_embed", depthwise=True)
        self.norm1, self.norm2 = (shapes.layer_norm(name, EPS) for name in ("norm1", "norm2"))
        self.attn = nn.ModuleDict({name: shapes.linear(f"attn.{name}") for name in ("qkv", "proj")})
        self.mlp = nn.ModuleDict({name: shapes.linear(f"mlp.{name}") for name in ("fc1", "fc2")})

    def forward(self, seen: Tensor) -> Tensor:
        seen = seen + self.pos_embed(seen)
        batch, dim, height, width = seen.shape
        tokens = seen.flatten(2).transpose(1, 2)
        qkv = self.attn["qkv"](self.norm1(tokens)).view(batch, height * width, 3, max(1, dim // HEAD), -1)
        mixed = F.scaled_dot_product_attention(*qkv.permute(2, 0, 3, 1, 4))
        tokens = tokens + self.attn["proj"](mixed.transpose(1, 2).reshape(batch, height * width, dim))
        tokens = tokens + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(tokens))))
        seen = tokens.transpose(1, 2).reshape(batch, dim, height, width)
        return seen


class Backbone(nn.Module):
    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        for stage in range(1, 5):
            self.add_module(f"patch_embed{stage}", Patches(shapes.within(f"patch_embed{stage}")))
            kind = FineBlock if stage <= FINE else CoarseBlock
            blocks = (kind(shapes.within(f"blocks{stage}.{n}")) for n in range(shapes.count(f"blocks{stage}")))
            self.add_module(f"blocks{stage}", nn.ModuleList(blocks))
            self.add_module(f"norm{stage}", shapes.layer_norm(f"norm{stage}", EPS))

    def forward(self, seen: Tensor) -> list[Tensor]:
        found = []
        for stage in range(1, 5):
            seen = getattr(self, f"patch_embed{stage}")(seen)
            for block in getattr(self, f"blocks{stage}"):
                seen = block(seen)
            found.append(by_channel(getattr(self, f"norm{stage}"), seen))
        return found


class ConvNorm(nn.Module):
    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        self.conv, self.bn = shapes.conv("conv"), shapes.batch_norm("bn")

    def forward(self, seen: Tensor) -> Tensor:
        found: Tensor = F.relu(self.bn(self.conv(seen)))
        return found


class Head(nn.Module):
    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        pooled = (
            nn.Sequential(nn.AdaptiveAvgPool2d(side), ConvNorm(shapes.within(f"psp_modules.{n}.1")))
            for n, side in enumerate(POOLED)
        )
        self.psp_modules = nn.ModuleList(pooled)
        self.bottleneck, self.fpn_bottleneck = (
            ConvNorm(shapes.within(name)) for name in ("bottleneck", "fpn_bottleneck")
        )
        for name in ("lateral_convs", "fpn_convs"):
            self.add_module(name, nn.ModuleList(ConvNorm(shapes.within(f"{name}.{n}")) for n in range(3)))
        self.conv_seg = shapes.conv("conv_seg")

    def forward(self, found: list[Tensor]) -> Tensor:
        last = found[-1]
        views = [lateral(seen) for lateral, seen in zip(self.lateral_convs, found[:-1], strict=True)]  # type: ignore[arg-type]
        views.append(self.bottleneck(torch.cat([last, *(resized(pool(last), last) for pool in self.psp_modules)], 1)))
        for stage in range(len(views) - 1, 0, -1):
            views[stage - 1] = views[stage - 1] + resized(views[stage], views[stage - 1])
        fine = [conv(view) for conv, view in zip(self.fpn_convs, views[:-1], strict=True)]  # type: ignore[arg-type]
        together = torch.cat([fine[0], *(resized(view, fine[0]) for view in (*fine[1:], views[-1]))], dim=1)
        logits: Tensor = self.conv_seg(self.fpn_bottleneck(together))
        return logits


class UniFormer(nn.Module):
    """Normalised RGB -> a logit for each class, at a quarter of the size."""

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        self.backbone = Backbone(shapes.within("backbone"))
        self.decode_head = Head(shapes.within("decode_head"))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.decode_head(self.backbone(images))
        return logits
