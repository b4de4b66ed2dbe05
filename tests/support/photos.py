"""Real photos, by name, from installed packages."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from PIL import Image

OF_SKLEARN = ("china", "flower")


def photo(name: str) -> Image.Image:
    if name in OF_SKLEARN:
        return _of_sklearn(name)
    import skimage.data

    return Image.fromarray(getattr(skimage.data, name)())


def _of_sklearn(name: str) -> Image.Image:
    """The file itself: to import the package takes as long as a test."""
    package = find_spec("sklearn")
    assert package is not None and package.origin is not None
    with Image.open(Path(package.origin).parent / "datasets" / "images" / f"{name}.jpg") as file:
        image: Image.Image = file.convert("RGB")
    return image
