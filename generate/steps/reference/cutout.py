"""`reference=cutout`: the subject alone on white, as a shop would show it. No weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.image_step import ImageStep
from labelyard.generate.record import MadeImage, Record
from labelyard.generate.settings import setting
from labelyard.generate.steps.tools.subject import subject_of
from labelyard.utils.rle import decode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image


@dataclass(kw_only=True)
class Cutout(ImageStep):
    """The instance that the record is about, by its mask; where there is none, what the picture `foreground` shows.
    A square as large as the picture's shorter side. A record of which neither is known has no such picture.
    """

    reads: ClassVar[tuple[str, ...]] = ("image", "instances", "instances.mask")
    picture_of: ClassVar[str] = "ref"

    margin: float = setting(0.08, least=0, most=0.45)  # of the square, on each side
    foreground: str = "foreground"  # the name of the picture of what stands before the rest

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            record.images.pop(self.image, None)
            opaque, label = self._opaque(record)
            if opaque is not None and opaque.any():
                made = on_white(record.image, opaque, self.margin, min(record.image.size))
                record.images[self.image] = MadeImage(made, {"of": label}, ending="jpg")

    def _opaque(self, record: Record) -> tuple[NDArray[np.uint8] | None, str]:
        import numpy as np

        subject = subject_of(record)
        if subject is not None and subject.mask is not None:
            return decode(subject.mask).astype(np.uint8) * 255, subject.label
        if self.foreground in record.images:
            matte = record.images[self.foreground].image.convert("L").resize(record.image.size)
            return np.asarray(matte), self.foreground
        return None, ""

    def model(self) -> dict[str, Any]:
        return {"name": "cutout", "checkpoint": None}

    def model_of(self, record: Record) -> dict[str, Any]:
        left_out = (
            {} if self.image in record.images else {"left_out": "nothing in it has a mask, or stands before the rest"}
        )
        return self.model() | left_out


def on_white(image: Image, opaque: NDArray[np.uint8], margin: float, side: int) -> Image:
    import numpy as np
    from PIL import Image as pillow

    seen = opaque > 127
    if not seen.any():
        seen = opaque > 0
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    thing, matte = image.crop(box), pillow.fromarray(opaque).crop(box)
    scale = side * (1 - 2 * margin) / max(thing.size)
    size = (max(1, round(thing.width * scale)), max(1, round(thing.height * scale)))
    thing, matte = (part.resize(size, pillow.Resampling.LANCZOS) for part in (thing, matte))
    canvas = pillow.new("RGB", (side, side), "white")
    canvas.paste(thing, ((side - size[0]) // 2, (side - size[1]) // 2), matte)
    return canvas
