"""The pictures of the report: thumbnails, masks to lay over them, the image itself, what steps made."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labelyard.generate.record_json.body import image_of, instances_of, newer
from labelyard.launch.report.beside import Beside
from labelyard.launch.report.own_media import OwnMedia
from labelyard.utils import rle
from labelyard.utils.images import ending
from labelyard.utils.text import safe_stem

if TYPE_CHECKING:
    from PIL.Image import Image

THUMBNAIL = 360  # pixels on the long side

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


def pictures(record: Mapping[str, Any], beside: Beside, own: OwnMedia) -> Pictures:
    """`own`: what its item has and the record does not hold."""
    name = record["id"]
    files: dict[str, bytes] = {}
    entry: dict[str, Any] = {"turn": turn(name)}
    small = own.image
    if "image" in record:
        data = image_of(record)
        entry["full"] = f"full/{name}.{ending(data)}"
        files[entry["full"]] = data
        small = _small(data)
    if own.image is not None:
        entry["full"] = f"full/{name}.jpg"
        files[entry["full"]] = saved(own.image, "JPEG", quality=90)
    sides = beside.images(record.get("images", {}), name)
    clips = beside.clips({**({"video": own.video} if own.video else {}), **newer(record, "clips")}, name)
    entry["sides"] = [_put(files, f"side/{name}-{n}", title, shown) for n, (title, shown) in enumerate(sides.items())]
    entry["clips"] = [
        [*_put(files, f"side/{name}-clip-{n}", title, frame), address]
        for n, (title, (address, frame)) in enumerate(clips.items())
    ]
    if small is None:  # no image of its own: one of those beside it stands for it
        frames = (frame for _, frame in clips.values() if frame is not None)
        small = next(iter(sides.values()), None) or next(frames, None)
    if small is not None:
        thumb = small.convert("RGB")
        thumb.thumbnail((THUMBNAIL, THUMBNAIL))
        entry["thumb"] = f"thumb/{name}.jpg"
        entry["size"] = [record.get("width", small.width), record.get("height", small.height)]
        files[entry["thumb"]] = saved(thumb, "JPEG", quality=82)
        masks = _masks(record, thumb.size)
        if masks is not None:
            entry["masks"] = f"thumb/{name}.png"
            files[entry["masks"]] = masks
    return Pictures(files, {key: value for key, value in entry.items() if value != []})


def _small(data: bytes) -> Image:
    from PIL import Image as pillow

    with pillow.open(io.BytesIO(data)) as image:
        image.draft("RGB", (THUMBNAIL, THUMBNAIL))
        shown: Image = image.convert("RGB")
        return shown


def _put(files: dict[str, bytes], start: str, title: str, shown: Image | None) -> list[str]:
    """Its name, and the file in the report; none where there is nothing to be seen."""
    if shown is None:
        return [title, ""]
    target = f"{start}-{safe_stem(title, 30)}.webp"
    files[target] = saved(shown, "WEBP", quality=85)
    return [title, target]


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
    return saved(image, "PNG", transparency=clear, optimize=True)


def saved(image: Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
