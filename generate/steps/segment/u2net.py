"""`segment=u2net`: masks by U²-Net, which has learned what stands out in a picture; it runs in OpenCV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.checkpoint import Licence
from labelyard.generate.record import Box, Instance, Record
from labelyard.generate.settings import setting
from labelyard.generate.step import Step
from labelyard.generate.steps.models.u2net.matte import PACKAGE, Matting
from labelyard.generate.steps.segment.grabcut import GrabCut, apart, window, without_specks
from labelyard.generate.steps.tools.licences import APACHE
from labelyard.utils.rle import encode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

INSIDE = 0.9  # of a box lies in another one: the thing may stand before the other, or on it


@dataclass(kw_only=True)
class U2Net(Step):
    """The mask is what stands out in the box from what surrounds it, and each pixel is given to one instance.

    What carries another thing does not stand out, the other does (a table, of which cup and saucer would be cut out):
    its mask is made by its colours, as `segment=grabcut` does, and the instance says so: `extra["mask_from"]`, which is
    `"colour"`, or `"box"` where colours can't tell either.
    """

    reads: ClassVar[tuple[str, ...]] = ("image", "instances")
    writes: ClassVar[tuple[str, ...]] = ("instances.mask",)

    # of the box's sides, on each side of it: what the thing stands out from
    margin: float = setting(0.15, least=0, most=100)
    threshold: float = setting(0.5, least=0, most=1)  # how much a pixel stands out, from 0 to 1
    min_part: float = setting(0.1, least=0, most=1)  # of the box; less than this is no mask of the thing in it
    # of what stands out, in the boxes of other things that lie in this one's box
    most_of_others: float = setting(0.33, least=0, most=1)

    def licences(self) -> dict[str, Licence | None]:
        return {PACKAGE: APACHE}

    def setup(self, device: str) -> None:
        self._matting = Matting()
        self._by_colour = GrabCut()
        self._by_colour.setup(device)

    def __call__(self, records: Sequence[Record]) -> None:
        import numpy as np

        # One box at a time: the network takes no batches, and so a record can't feel its company.
        for record in records:
            self._cut_all(np.asarray(record.image), record.instances)

    def _cut_all(self, picture: NDArray[np.uint8], instances: Sequence[Instance]) -> None:
        boxes = [instance.box for instance in instances]
        masks = [self._standing_out(picture, box) for box in boxes]
        kinds: list[str | None] = [None] * len(masks)
        for position in [p for p in range(len(masks)) if not self._is_its_own(p, boxes, masks)]:
            masks[position], by_colour = self._by_colour.cut(picture, boxes[position])
            kinds[position] = "colour" if by_colour else "box"
        for instance, mask, kind in zip(instances, apart(boxes, masks), kinds, strict=True):
            instance.mask = encode(mask)
            instance.extra.pop("mask_from", None)
            if kind:
                instance.extra["mask_from"] = kind

    def _standing_out(self, picture: NDArray[np.uint8], box: Box) -> NDArray[np.bool_]:
        """What stands out in the box, at the picture's size."""
        import numpy as np

        height, width = picture.shape[:2]
        whole = np.zeros((height, width), dtype=bool)
        inner, outer = window(box, width, height), window(box, width, height, self.margin)
        if inner.left >= inner.right or inner.top >= inner.bottom:
            return whole
        view = picture[outer.top : outer.bottom, outer.left : outer.right]
        large = self._matting(view) > self.threshold
        rows = slice(inner.top - outer.top, inner.bottom - outer.top)
        columns = slice(inner.left - outer.left, inner.right - outer.left)
        whole[inner.top : inner.bottom, inner.left : inner.right] = without_specks(large[rows, columns])
        return whole

    def _is_its_own(self, position: int, boxes: Sequence[Box], masks: Sequence[NDArray[np.bool_]]) -> bool:
        """There is enough of it, and it is not rather another thing, before it or on it, that stands out."""
        import numpy as np

        mask = masks[position]
        height, width = mask.shape
        inner = window(boxes[position], width, height)
        size = (inner.right - inner.left) * (inner.bottom - inner.top)
        found = int(np.count_nonzero(mask))
        if size and found < self.min_part * size:
            return False
        others = np.zeros_like(mask)
        for number, box in enumerate(boxes):
            if number != position and _part_inside(box, boxes[position]) > INSIDE:
                other = window(box, width, height)
                others[other.top : other.bottom, other.left : other.right] = True
        return int(np.count_nonzero(mask & others)) <= self.most_of_others * found

    def model(self) -> dict[str, Any]:
        return self._matting.told()


def _part_inside(box: Box, around: Box) -> float:
    """How much of the smaller box lies in the larger; 0 if it is the other way round."""
    size, size_around = ((b[2] - b[0]) * (b[3] - b[1]) for b in (box, around))
    across = min(box[2], around[2]) - max(box[0], around[0])
    down = min(box[3], around[3]) - max(box[1], around[1])
    return across * down / size if across > 0 and down > 0 and 0 < size < size_around else 0.0
