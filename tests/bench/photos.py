"""As many different photos as wanted, from those that come with scikit-image and scikit-learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from labelyard.generate.record import Item, item_id

NAMES = ("astronaut", "chelsea", "coffee", "rocket", "china", "flower")
SIZES = ((800, 600), (640, 480), (600, 800), (768, 768))


def make(folder: Path, number: int) -> list[Item]:
    """JPEG files in four sizes, no two alike, and the items that they are."""
    from PIL import Image, ImageOps

    folder.mkdir(parents=True, exist_ok=True)
    sources = [_photo(name) for name in NAMES]
    items = []
    for n in range(number):
        source = sources[n % len(sources)]
        inset = 1 + n // len(sources) % 40
        view = source.crop((inset, inset, source.width - inset, source.height - inset))
        view = ImageOps.fit(view, SIZES[(n + n // len(sources)) % len(SIZES)], Image.Resampling.BICUBIC)
        path = folder / f"{n:05d}.jpg"
        (ImageOps.mirror(view) if n % 2 else view).save(path, quality=90)
        caption = f"photo number {n}"
        items.append(Item(item_id(str(path), caption), n, str(path), caption))
    return items


def _photo(name: str) -> Any:
    import skimage.data
    from PIL import Image
    from sklearn.datasets import load_sample_image

    pixels = load_sample_image(f"{name}.jpg") if name in ("china", "flower") else getattr(skimage.data, name)()
    return Image.fromarray(pixels).convert("RGB")
