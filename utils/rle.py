"""Masks as COCO run-length codes: {"size": [height, width], "counts": text}."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Rle(TypedDict):
    size: list[int]
    counts: str


def encode(mask: NDArray[np.bool_]) -> Rle:
    import numpy as np
    from pycocotools import mask as coco

    code = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(side) for side in code["size"]], "counts": code["counts"].decode("ascii")}


def decode(rle: Rle) -> NDArray[np.bool_]:
    from pycocotools import mask as coco

    mask: NDArray[np.bool_] = coco.decode({"size": rle["size"], "counts": rle["counts"].encode("ascii")}).astype(bool)
    return mask


def area(rle: Rle) -> int:
    from pycocotools import mask as coco

    return int(coco.area({"size": rle["size"], "counts": rle["counts"].encode("ascii")}))


def resize(rle: Rle, width: int, height: int) -> Rle:
    """The same mask in another frame, by nearest neighbour: what is sampled is the centre of each new pixel."""
    import numpy as np

    old_height, old_width = rle["size"]
    if (old_width, old_height) == (width, height):
        return rle
    rows = ((np.arange(height) + 0.5) * old_height / height).astype(np.int64)
    columns = ((np.arange(width) + 0.5) * old_width / width).astype(np.int64)
    return encode(decode(rle)[rows[:, None], columns[None, :]])


def empty(width: int, height: int) -> Rle:
    import numpy as np

    return encode(np.zeros((height, width), dtype=bool))
