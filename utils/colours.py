"""A colour word for the pixels of a thing, or none: most have no one colour, and no word is better than a wrong one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# In CIELAB: name -> hue in degrees, chroma, lightness, each from-to. The gaps between them are meant: whoever stands
# there is called differently by different people. Grey has no entry, since white in the shade is grey to a camera.
RANGES: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "black": ((0, 360), (0, 8), (0, 18)),
    "white": ((0, 360), (0, 6), (86, 101)),
    "red": ((15, 43), (40, 200), (20, 62)),
    "orange": ((50, 72), (50, 200), (52, 85)),
    "brown": ((40, 80), (15, 40), (15, 42)),
    "yellow": ((86, 108), (45, 200), (68, 100)),
    "green": ((118, 165), (25, 200), (20, 92)),
    "blue": ((250, 308), (25, 200), (12, 80)),
    "purple": ((312, 332), (25, 200), (15, 60)),
    "pink": ((345, 375), (20, 70), (65, 90)),
}
SHARE = 0.6  # of the pixels must have the colour
RIVAL = 0.15  # and no other colour so many
FEWEST = 100  # pixels; fewer are mostly edge
MOST = 20_000  # evenly taken; more pixels would not change the answer


def colour_word(pixels: NDArray[np.uint8]) -> str | None:
    """The word for RGB rows, if most of them agree."""
    if len(pixels) < FEWEST:
        return None
    lightness, chroma, hue = lch(pixels[:: -(-len(pixels) // MOST)])
    shares = {}
    for name, (hues, chromas, lights) in RANGES.items():
        turned = (hue - hues[0]) % 360 <= hues[1] - hues[0]
        strong = (chroma >= chromas[0]) & (chroma < chromas[1])
        lit = (lightness >= lights[0]) & (lightness < lights[1])
        shares[name] = float((turned & strong & lit).mean())
    best, second = sorted(shares, key=lambda name: -shares[name])[:2]
    return best if shares[best] >= SHARE and shares[second] < RIVAL else None


def lch(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
    """CIELAB lightness, chroma and hue (degrees) of sRGB rows under D65."""
    import numpy as np

    part = pixels.astype(np.float64) / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ to_xyz.T / to_xyz.sum(axis=1)
    cubic = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    lightness = 116 * cubic[:, 1] - 16
    a, b = 500 * (cubic[:, 0] - cubic[:, 1]), 200 * (cubic[:, 1] - cubic[:, 2])
    return lightness, np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360
