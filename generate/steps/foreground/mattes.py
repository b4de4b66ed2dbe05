"""`foreground=u2net`, `foreground=instances`: what stands before the rest, as a soft mask, white on black."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.checkpoint import Licence
from labelyard.generate.image_step import ImageStep
from labelyard.generate.record import MadeImage, Record
from labelyard.generate.roles import objects_or_floating
from labelyard.generate.steps.models.u2net.matte import PACKAGE, Matting
from labelyard.generate.steps.tools.licences import APACHE
from labelyard.utils.rle import decode

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(kw_only=True)
class U2NetMatte(ImageStep):
    """By U²-Net, which has learned what stands out in a picture; it runs in OpenCV."""

    reads: ClassVar[tuple[str, ...]] = ("image",)
    picture_of: ClassVar[str] = "foreground"

    def licences(self) -> dict[str, Licence | None]:
        return {PACKAGE: APACHE}

    def setup(self, device: str) -> None:
        self._matting = Matting()

    def __call__(self, records: Sequence[Record]) -> None:
        import numpy as np
        from PIL import Image as pillow

        # One picture at a time: the network takes no batches.
        for record in records:
            matte = self._matting(np.asarray(record.image))
            record.images[self.image] = MadeImage(pillow.fromarray(np.rint(matte.clip(0, 1) * 255).astype(np.uint8)))

    def model(self) -> dict[str, Any]:
        return self._matting.told()


@dataclass(kw_only=True)
class InstancesMatte(ImageStep):
    """All masks of the record's instances together; no weights, and no soft edges. What floats is left out where there
    are objects."""

    reads: ClassVar[tuple[str, ...]] = ("image", "instances", "instances.mask")
    picture_of: ClassVar[str] = "foreground"

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            record.images[self.image] = MadeImage(together(record))

    def model(self) -> dict[str, Any]:
        return {"name": "masks of the instances", "checkpoint": None}


def together(record: Record) -> Image:
    import numpy as np
    from PIL import Image as pillow

    whole = np.zeros((record.height, record.width), dtype=bool)
    for instance in objects_or_floating(record.instances):
        if instance.mask is not None:
            whole |= decode(instance.mask)
    return pillow.fromarray(whole.astype(np.uint8) * 255)
