import numpy as np
import pytest
from skimage import data

from labelyard.utils.colours import colour_word, lch
from tests.support.photos import photo


def pixels(*parts: tuple[tuple[int, int, int], int]) -> np.ndarray:
    return np.concatenate([np.tile(np.array(rgb, dtype=np.uint8), (count, 1)) for rgb, count in parts])


def test_lab_agrees_with_scikit_image() -> None:
    from skimage.color import lab2lch, rgb2lab

    rows = data.coffee()[::7, ::7].reshape(-1, 3)
    lightness, chroma, hue = lch(rows)
    theirs = lab2lch(rgb2lab(rows[:, None, :]))[:, 0]
    assert np.abs(lightness - theirs[:, 0]).max() < 0.05
    assert np.abs(chroma - theirs[:, 1]).max() < 0.2
    turned = np.abs(np.exp(1j * np.radians(hue)) - np.exp(1j * theirs[:, 2]))
    assert turned[chroma > 10].max() < 0.02


@pytest.mark.parametrize(
    ("rgb", "word"),
    [
        ((200, 20, 30), "red"),
        ((255, 140, 0), "orange"),
        ((240, 220, 30), "yellow"),
        ((30, 140, 50), "green"),
        ((20, 60, 200), "blue"),
        ((120, 30, 140), "purple"),
        ((255, 150, 180), "pink"),
        ((96, 60, 30), "brown"),
        ((250, 250, 250), "white"),
        ((15, 15, 15), "black"),
        ((128, 128, 128), None),  # a white thing in the shade is grey to a camera
        ((0, 160, 170), None),  # some say green, some say blue
        ((40, 38, 50), None),  # nearly black, nearly blue
    ],
)
def test_plain_colours(rgb: tuple[int, int, int], word: str | None) -> None:
    assert colour_word(pixels((rgb, 500))) == word


def test_silent_about_mixtures_and_about_too_little() -> None:
    red, blue, grey = (200, 20, 30), (20, 60, 200), (128, 128, 128)
    assert colour_word(pixels((red, 700), (grey, 300))) == "red"
    assert colour_word(pixels((red, 500), (grey, 500))) is None
    assert colour_word(pixels((red, 700), (blue, 300))) is None
    assert colour_word(pixels((red, 50))) is None
    assert colour_word(np.zeros((0, 3), dtype=np.uint8)) is None


# What anyone would call them, or where one had better not: box (x1, y1, x2, y2) on a photo.
@pytest.mark.parametrize(
    ("name", "box", "word"),
    [
        ("coffee", (120, 230, 170, 320), "red"),  # the saucer
        ("motorcycle", (540, 270, 620, 310), "red"),  # the front mudguard
        ("coffee", (460, 50, 590, 150), None),  # wood
        ("chelsea", (120, 60, 300, 220), None),  # fur
        ("motorcycle", (610, 340, 660, 420), None),  # a wheel and what is seen through it
        ("china", (300, 10, 600, 60), None),  # a hazy sky
        ("china", (200, 290, 330, 300), None),  # roof tiles
        ("astronaut", (30, 130, 60, 260), None),  # a flag
    ],
)
def test_real_surfaces(name: str, box: tuple[int, int, int, int], word: str | None) -> None:
    image = data.stereo_motorcycle()[0] if name == "motorcycle" else np.asarray(photo(name))
    x1, y1, x2, y2 = box
    assert colour_word(image[y1:y2, x1:x2].reshape(-1, 3)) == word
