"""Degradations by albumentations, each as strong as VisualCloze has it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

# By severity, from 1 to 5.
BLUR_SIGMA = (1.0, 2.0, 3.0, 4.0, 6.0)
MOTION = (7, 9, 11, 15, 21)
GLASS = (1, 2, 3, 3, 4)
LENS = (3, 4, 6, 8, 10)
ZOOM = (1.06, 1.11, 1.16, 1.21, 1.26)
QUALITY = (25, 18, 15, 10, 7)
PIXELS = (0.5, 0.4, 0.3, 0.25, 0.2)
SHARPER = (0.3, 0.45, 0.6, 0.75, 0.9)
LIGHT = (0.1, 0.2, 0.3, 0.4, 0.5)
GAMMA = ((70, 70), (60, 60), (50, 50), (40, 40), (30, 30))
CONTRAST = (1.3, 1.5, 1.8, 2.2, 2.6)
FLATTER = (0.75, 0.6, 0.45, 0.35, 0.25)
SATURATION = (1.5, 2.0, 2.5, 3.0, 4.0)
PALER = (0.6, 0.45, 0.3, 0.2, 0.1)
BITS = (4, 3, 2, 2, 2)
WEAKER = 3  # the greatest severity of what is unrecognizable beyond
MILD = frozenset(("compression", "quantization"))


def transform(name: str, severity: int, draw: Random, side: int) -> Any:
    """The library's transform; `draw` decides between the ways to do it."""
    import albumentations as a

    return MADE[name](a, severity - 1, draw, side)


def _blur(a: Any, s: int, draw: Random, side: int) -> Any:
    return draw.choice(
        (
            lambda: a.GaussianBlur(blur_limit=0, sigma_limit=(BLUR_SIGMA[s], BLUR_SIGMA[s]), p=1),
            lambda: a.MotionBlur(blur_limit=(MOTION[s], MOTION[s]), p=1),
            lambda: a.GlassBlur(sigma=0.7, max_delta=GLASS[s], iterations=2, p=1),
            lambda: a.Defocus(radius=(LENS[s], LENS[s]), alias_blur=(0.1, 0.5), p=1),
            lambda: a.ZoomBlur(max_factor=(ZOOM[s], ZOOM[s]), p=1),
            lambda: a.GlassBlur(sigma=0.3, max_delta=GLASS[s], iterations=1, p=1),
        )
    )()


def _brighter(a: Any, s: int, draw: Random, side: int) -> Any:
    if draw.random() < 0.5:
        return _light(a, LIGHT[s])
    return a.RandomGamma(gamma_limit=GAMMA[s], p=1)


def _darker(a: Any, s: int, draw: Random, side: int) -> Any:
    if draw.random() < 0.5:
        return _light(a, -LIGHT[s])
    dark = round(10_000 / GAMMA[s][0])
    return a.RandomGamma(gamma_limit=(dark, dark), p=1)


def _light(a: Any, by: float) -> Any:
    return a.RandomBrightnessContrast(brightness_limit=(by, by), contrast_limit=(0, 0), p=1)


def _contrast(a: Any, by: float) -> Any:
    """Around the mean."""
    return a.ColorJitter(brightness=(1, 1), contrast=(by, by), saturation=(1, 1), hue=(0, 0), p=1)


def _smaller(a: Any, scale: float, how: int) -> Any:
    return a.Downscale(scale_range=(scale, scale), interpolation_pair={"downscale": how, "upscale": how}, p=1)


def _saturated(a: Any, by: float) -> Any:
    return a.ColorJitter(brightness=(1, 1), contrast=(1, 1), saturation=(by, by), hue=(0, 0), p=1)


def _compressed(a: Any, s: int, draw: Random, side: int) -> Any:
    kind = draw.choice(("jpeg", "webp"))
    return a.ImageCompression(compression_type=kind, quality_range=(QUALITY[s], QUALITY[s]), p=1)


def _bent(a: Any, by: float) -> Any:
    return a.OpticalDistortion(distort_limit=(by, by), mode="camera", p=1)


NEAREST, CUBIC = 0, 2  # as OpenCV numbers them

MADE: dict[str, Callable[[Any, int, Random, int], Any]] = {
    "blur": _blur,
    "compression": _compressed,
    "SRx2": lambda a, s, draw, side: _smaller(a, 0.5, CUBIC),
    "SRx4": lambda a, s, draw, side: _smaller(a, 0.25, CUBIC),
    "pixelate": lambda a, s, draw, side: _smaller(a, PIXELS[s], NEAREST),
    "Defocus": lambda a, s, draw, side: a.Defocus(radius=(3, 3), alias_blur=(0.2, 0.2), p=1),
    "GaussianBlur": lambda a, s, draw, side: a.GaussianBlur(blur_limit=(15, 15), sigma_limit=(2, 4), p=1),
    "oversharpen": lambda a, s, draw, side: a.Sharpen(alpha=(SHARPER[s], SHARPER[s]), lightness=(1, 1), p=1),
    "GaussianNoise": lambda a, s, draw, side: a.GaussNoise(std_range=(10 / 255, 50 / 255), p=1),
    "PoissonNoise": lambda a, s, draw, side: a.ShotNoise(scale_range=(0.1, 0.2), p=1),
    "SPNoise": lambda a, s, draw, side: a.SaltAndPepper(amount=(0.05, 0.05), salt_vs_pepper=(0.5, 0.5), p=1),
    "contrast_strengthen": lambda a, s, draw, side: _contrast(a, CONTRAST[s]),
    "contrast_weaken": lambda a, s, draw, side: _contrast(a, FLATTER[s]),
    "quantization": lambda a, s, draw, side: a.Posterize(num_bits=BITS[s], p=1),
    "JPEG": lambda a, s, draw, side: a.ImageCompression(quality_range=(10, 40), p=1),
    "brighten": _brighter,
    "darken": _darker,
    "LowLight": lambda a, s, draw, side: a.MultiplicativeNoise(multiplier=(0.3, 0.4), p=1),
    "saturate_strengthen": lambda a, s, draw, side: _saturated(a, SATURATION[s]),
    "saturate_weaken": lambda a, s, draw, side: _saturated(a, PALER[s]),
    "gray": lambda a, s, draw, side: a.ToGray(p=1),
    "Barrel": lambda a, s, draw, side: _bent(a, 0.15),
    "Pincushion": lambda a, s, draw, side: _bent(a, -0.15),
    "Elastic": lambda a, s, draw, side: a.ElasticTransform(alpha=0.07 * side, sigma=max(1, 0.01 * side), p=1),
    "Rain": lambda a, s, draw, side: a.RandomRain(
        slant_range=(-15, 15), drop_length=max(1, round(draw.uniform(0.03, 0.08) * side)), blur_value=3, p=1
    ),
}
