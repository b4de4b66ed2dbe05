"""What the steps share that say of each pixel which of ADE20K's 150 classes it is: a picture with a palette."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from labelyard.generate.record import MadeImage
from labelyard.utils.ade20k import COLOURS, NAMES, NOTHING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def picture(classes: NDArray[np.integer], names: Sequence[str] = NAMES) -> MadeImage:
    """8 bits with a palette: a pixel's number is its class, shown in that class's colour; 255, black, is no class."""
    import numpy as np
    from PIL import Image as pillow

    made = pillow.fromarray(classes.astype(np.uint8))
    made.putpalette([part for colour in COLOURS for part in colour] + [0, 0, 0] * (256 - len(COLOURS)))
    there = [number for number in np.unique(classes).tolist() if number != NOTHING]
    meta: dict[str, Any] = {"palette": "ADE20K", "classes": {str(number): names[number] for number in there}}
    return MadeImage(made, meta)


def in_order(names: Mapping[int, str]) -> list[str]:
    return [names[number] for number in range(len(names))]
