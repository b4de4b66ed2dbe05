"""The photos that come with scikit-image and scikit-learn: something to look at before one has a list of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from labelyard.generate.rows import Entry, Row
from labelyard.generate.settings import transient
from labelyard.generate.source import Source
from labelyard.utils.errors import UserError

# (package, file in it, a caption written for it)
PHOTOS = (
    ("sklearn", "datasets/images/china.jpg", "A tower of the Summer Palace above trees and a lake"),
    ("sklearn", "datasets/images/flower.jpg", "An orange dahlia in front of dark green leaves"),
    ("skimage", "data/astronaut.png", "An astronaut in an orange suit smiles in front of a flag"),
    ("skimage", "data/chelsea.png", "A ginger cat looks into the camera"),
    ("skimage", "data/coffee.png", "A cup of espresso on a saucer on a wooden table"),
    ("skimage", "data/motorcycle_left.png", "A motorcycle in a cluttered garage"),
    ("skimage", "data/motorcycle_right.png", "The same motorcycle, seen from a little further right"),
    ("skimage", "data/rocket.jpg", "A rocket on its launch pad at dusk"),
    ("skimage", "data/camera.png", "A man with a camera on a tripod"),
)


@dataclass(kw_only=True)
class Photos(Source):
    path: str = transient("installed packages")

    def entries(self) -> Iterator[Row]:
        for package, name, caption in PHOTOS:
            path = self._folder(package) / name
            if path.exists():  # which photos are in the wheels differs a little between their versions
                yield Entry(str(path), caption)

    def fingerprint(self) -> dict[str, Any]:
        return {"path": [str(self._folder(package)) for package in ("sklearn", "skimage")]}

    def image_root(self) -> str:
        return "/"

    def _folder(self, package: str) -> Path:
        found = find_spec(package)
        if found is None or found.origin is None:
            raise UserError(f"source=photos needs the package {package}. Try: pip install -e '.[demo]'")
        return Path(found.origin).parent
