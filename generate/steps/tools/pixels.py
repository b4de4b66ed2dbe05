"""From an image to the numbers that a network wants: sizes as each family computes them, and normalised tensors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import Tensor

Size = tuple[int, int]  # width, height
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
HALF = (0.5, 0.5, 0.5)  # mean and deviation of networks that see from -1 to 1


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
    """An 8-bit RGB image as channels x height x width in float32, scaled to 0..1 and normalised.

    There are 256 values of each channel; looking them up is several times as fast as computing them pixel by pixel.
    """
    import numpy as np
    import torch

    pixels = np.asarray(image.convert("RGB"), dtype=np.uint8)
    result = np.empty((3, *pixels.shape[:2]), dtype=np.float32)
    for channel, values in enumerate(_normalised(mean, std)):
        np.take(values, pixels[..., channel], out=result[channel])
    return torch.from_numpy(result)


@cache
def _normalised(mean: tuple[float, ...], std: tuple[float, ...]) -> NDArray[np.float32]:
    """What each value of each channel becomes."""
    import numpy as np

    values = np.arange(256, dtype=np.float32) / np.float32(255)
    middles, widths = (np.array(part, dtype=np.float32)[:, None] for part in (mean, std))
    table: NDArray[np.float32] = (values - middles) / widths
    return table


def aligned(given: Mapping[str, Any]) -> dict[str, Any]:
    """The same in memory that torch has laid out, for what a processor hands over. Numpy's begins wherever there was
    room, and on some CPUs it depends on where its numbers begin how a matrix product rounds."""
    import torch

    return {
        name: value.clone(memory_format=torch.contiguous_format) if isinstance(value, torch.Tensor) else value
        for name, value in given.items()
    }


def square_by_blur(image: Image, side: int, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Filled up to a square with black below and right, blurred and sampled: as OWLv2 does it."""
    import numpy as np
    import torch
    from torch.nn.functional import conv1d, interpolate, pad

    channels = torch.from_numpy(np.array(image.convert("RGB"), dtype=np.uint8)).permute(2, 0, 1).float() / 255
    longest = max(image.size)
    square = pad(channels, (0, longest - image.width, 0, longest - image.height))
    sigma = max(0.0, (longest / side - 1) / 2)
    radius = min(int(4 * sigma + 0.5), longest - 1)
    if radius:
        steps = torch.arange(-radius, radius + 1, dtype=torch.float32)
        kernel = torch.exp(-0.5 * (steps / sigma) ** 2)
        kernel = (kernel / kernel.sum())[None, None]
        for _ in range(2):  # once along each axis
            rows = pad(square.reshape(-1, 1, longest), (radius, radius), mode="reflect")
            square = conv1d(rows, kernel).reshape(3, longest, longest).transpose(1, 2)
    scaled = interpolate(square[None], (side, side), mode="bilinear", align_corners=False)[0].clamp(0, 1)
    return (scaled - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
