"""The pictures of the report: thumbnails, masks to lay over them, the image itself, what steps made."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelyard.generate.record_json.body import image_of, instances_of
from labelyard.utils import rle
from labelyard.utils.images import ending
from labelyard.utils.text import safe_stem

if TYPE_CHECKING:
    from PIL.Image import Image

THUMBNAIL = 360  # pixels on the long side
SIDE_IMAGE = 1024

# One colour after another for the instances of an image; told apart also by those who see fewer colours, on any photo.
COLOURS = (
    "#ff4d4d", "#2f9bff", "#ffd23f", "#35d07f", "#c77dff", "#ff9f1c", "#20d6e0", "#ff6fb5", "#a3e635", "#8f7bff",
    "#f4a3a3", "#7fd1ff",
)  # fmt: skip
OPACITY = 0.45


@dataclass(frozen=True)
class Pictures:
    """Files by their names within the report's folder, and what a card says of them."""

    files: dict[str, bytes]
    entry: dict[str, Any]


def pictures(record: Mapping[str, Any], run: Path) -> Pictures:
    from PIL import Image

    data = image_of(record)
    name = record["id"]
    full = f"full/{name}.{ending(data)}"
    files = {full: data}
    entry: dict[str, Any] = {"full": full, "turn": turn(name)}
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (THUMBNAIL, THUMBNAIL))
        small = image.convert("RGB")
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    entry["thumb"] = f"thumb/{name}.jpg"
    files[entry["thumb"]] = _saved(small, "JPEG", quality=82)
    masks = _masks(record, small.size)
    if masks is not None:
        entry["masks"] = f"thumb/{name}.png"
        files[entry["masks"]] = masks
    sides: list[list[Any]] = []
    for number, (title, made) in enumerate(record.get("images", {}).items()):
        target = f"side/{name}-{number}-{safe_stem(title, 30)}.webp"
        shown = _side(run, made["path"])
        if shown is not None:
            files[target] = shown
            sides.append([title, target])
    if sides:
        entry["sides"] = sides
    return Pictures(files, entry)


def turn(item_id: str) -> int:
    """Which colour the first instance has: not the same one in every image."""
    return int(item_id, 16) % len(COLOURS)


def _masks(record: Mapping[str, Any], size: tuple[int, int]) -> bytes | None:
    """All masks in their colours on a clear ground, the small ones over the large ones."""
    from PIL import Image

    found = [(number, one["mask"]) for number, one in enumerate(instances_of(record)) if one.get("mask")]
    if not found:
        return None
    import numpy as np

    small = [(number, rle.decode(rle.resize(mask, *size))) for number, mask in found]
    canvas = np.zeros((size[1], size[0]), dtype=np.uint8)
    for number, mask in sorted(small, key=lambda pair: -int(pair[1].sum())):
        canvas[mask] = (turn(record["id"]) + number) % len(COLOURS) + 1
    image = Image.fromarray(canvas).convert("P")
    image.putpalette(bytes(3) + b"".join(bytes.fromhex(colour[1:]) for colour in COLOURS))
    clear = bytes([0]) + bytes([round(255 * OPACITY)]) * len(COLOURS)
    return _saved(image, "PNG", transparency=clear, optimize=True)


def _side(run: Path, location: str) -> bytes | None:
    """An image that a step made, fit for a screen; deep samples are stretched from their least to their greatest."""
    from PIL import Image

    path = (run / location).resolve()
    if not path.is_relative_to(run.resolve()) or not path.exists():
        return None
    with Image.open(path) as image:
        shown = _eight_bits(image)
    shown.thumbnail((SIDE_IMAGE, SIDE_IMAGE))
    return _saved(shown, "WEBP", quality=85)


def _eight_bits(image: Image) -> Image:
    if not image.mode.startswith(("I", "F")):
        return image.convert("RGB")
    import numpy as np
    from PIL import Image as pillow

    values = np.nan_to_num(np.asarray(image).astype(np.float64))
    span = float(np.ptp(values)) or 1.0
    return pillow.fromarray(((values - values.min()) / span * 255).astype(np.uint8)).convert("RGB")


def _saved(image: Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
