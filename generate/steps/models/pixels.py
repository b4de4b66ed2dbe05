"""From an image to the numbers that a network wants: sizes as each family computes them, and normalised tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

Size = tuple[int, int]  # width, height

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def size_by_short_side(size: Size, short: int, long: int) -> Size:
    """The short side becomes `short`, unless the long one would exceed `long`: as DETR and its family do it."""
    width, height = size
    low, high = min(size), max(size)
    if high / low * short > long:
        short = round(long * low / high)
    short = max(1, short)
    if low == short:
        return size
    if width < height:
        return short, int(short * height / width)
    return int(short * width / height), short


def size_by_long_side(size: Size, long: int) -> Size:
    """The long side becomes `long`: as the SAM family does it."""
    scale = long / max(size)
    width, height = (max(1, int(side * scale + 0.5)) for side in size)
    return width, height


def to_tensor(image: Image, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """An 8-bit RGB image as channels x height x width in float32, scaled to 0..1 and normalised."""
    import numpy as np
    import torch

    channels = torch.from_numpy(np.array(image.convert("RGB"), dtype=np.uint8)).permute(2, 0, 1)
    scaled = channels.float() / 255
    return (scaled - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
