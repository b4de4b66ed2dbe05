"""`segment=grabcut`: masks by OpenCV's GrabCut, started from the box: no weights, only the picture's own colours."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from labelyard.generate.record import Box, Record
from labelyard.generate.settings import LONGEST_SIDE, MOST_THREADS, setting
from labelyard.generate.step import Step, transient
from labelyard.generate.steps.tools.packaged import missing
from labelyard.utils.boxes import areas
from labelyard.utils.rle import encode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SEED = 0
SPECK = 0.02  # of the mask; a piece that is smaller is noise


class Window(NamedTuple):
    """A box in whole pixels, and the part of the picture around it that shows what the background looks like."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(kw_only=True)
class GrabCut(Step):
    """Separates the box's colours from those around it, and gives each pixel to one instance.

    Good where a thing stands out from what surrounds it. Where colours can't tell (the box fills the picture, or next
    to nothing is found in it) the mask is the box itself, and the instance says so: `extra["mask_from"]: "box"`. A box
    that covers no pixel has an empty mask.
    """

    reads: ClassVar[tuple[str, ...]] = ("image", "instances")
    writes: ClassVar[tuple[str, ...]] = ("instances.mask",)

    # the window around a box is reduced to this long side: time per box is bounded, whatever the photo
    side: int = setting(320, least=16, most=LONGEST_SIDE)
    margin: float = setting(0.25, above=0, most=100)  # of the box's sides, on each side of it
    iterations: int = setting(2, least=1, most=1000)  # more of them shrink a thing towards its strongest colour
    min_part: float = setting(0.1, least=0, most=1)  # of the box; less than this is no mask of the thing in it
    # of the window; less than this does not show what the background looks like
    min_background: float = setting(0.05, least=0, most=1)
    threads: int = transient(2, least=1, most=MOST_THREADS)  # boxes worked on at a time

    def setup(self, device: str) -> None:
        try:
            import cv2
        except ImportError as error:
            raise missing("opencv-python-headless", error) from error
        self._version = cv2.__version__

    def __call__(self, records: Sequence[Record]) -> None:
        import numpy as np

        pictures = [np.asarray(record.image) for record in records]
        units = [(picture, i.box) for picture, record in zip(pictures, records, strict=True) for i in record.instances]
        # OpenCV lets go of Python's lock while it works, so threads do use all cores.
        with ThreadPoolExecutor(self.threads) as pool:
            masks = list(pool.map(lambda unit: self.cut(*unit), units))
        for record in records:
            mine, masks = masks[: len(record.instances)], masks[len(record.instances) :]
            whole = apart([i.box for i in record.instances], [found for found, _ in mine])
            for instance, mask, (_, by_colour) in zip(record.instances, whole, mine, strict=True):
                instance.mask = encode(mask)
                instance.extra.pop("mask_from", None)
                if not by_colour:
                    instance.extra["mask_from"] = "box"

    def cut(self, picture: NDArray[np.uint8], box: Box) -> tuple[NDArray[np.bool_], bool]:
        """The mask at full size, and whether it is more than the box."""
        import numpy as np

        height, width = picture.shape[:2]
        inner = window(box, width, height)
        whole = np.zeros((height, width), dtype=bool)
        rectangle = whole[inner.top : inner.bottom, inner.left : inner.right]
        if not rectangle.size:
            return whole, False
        outer = window(box, width, height, self.margin)
        found = self._separate(picture[outer.top : outer.bottom, outer.left : outer.right], inner, outer)
        if found is None or found.sum() < self.min_part * rectangle.size:
            rectangle[:] = True
            return whole, False
        whole[outer.top : outer.bottom, outer.left : outer.right] = found
        return whole, True

    def _separate(self, view: NDArray[np.uint8], inner: Window, outer: Window) -> NDArray[np.bool_] | None:
        import cv2
        import numpy as np

        height, width = view.shape[:2]
        scale = min(1.0, self.side / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(view, size, interpolation=cv2.INTER_AREA)
        left, right = (int((x - outer.left) * scale + 0.5) for x in (inner.left, inner.right))
        top, bottom = (int((y - outer.top) * scale + 0.5) for y in (inner.top, inner.bottom))
        marks = np.full(small.shape[:2], cv2.GC_BGD, dtype=np.uint8)
        marks[top:bottom, left:right] = cv2.GC_PR_FGD
        background = (marks == cv2.GC_BGD).mean()
        if not self.min_background <= background < 1:
            return None
        cv2.setRNGSeed(SEED)  # it counts for this thread alone, which may have cut another box before
        behind, before = np.zeros((1, 65)), np.zeros((1, 65))
        lab = cv2.cvtColor(
            small, cv2.COLOR_RGB2Lab
        )  # shadows part less than in RGB: whole cups, trousers with their men
        try:
            cv2.grabCut(lab, marks, (0, 0, 1, 1), behind, before, self.iterations, cv2.GC_INIT_WITH_MASK)
        except cv2.error:
            return None  # too few pixels on one side to describe its colours
        found = np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
        smooth = cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR) > 0.5
        rows = slice(inner.top - outer.top, inner.bottom - outer.top)
        columns = slice(inner.left - outer.left, inner.right - outer.left)
        inside = np.zeros_like(smooth)
        inside[rows, columns] = without_specks(smooth[rows, columns])
        return inside

    def model(self) -> dict[str, Any]:
        return {"name": "GrabCut", "checkpoint": None, "package": "opencv", "version": self._version}


def window(box: Box, width: int, height: int, margin: float = 0.0) -> Window:
    """The pixels of the picture that the box covers, with so much of its sides around it."""
    x1, y1, x2, y2 = box
    across, down = margin * (x2 - x1), margin * (y2 - y1)
    left, right = (min(max(round(x), 0), width) for x in (x1 - across, x2 + across))
    top, bottom = (min(max(round(y), 0), height) for y in (y1 - down, y2 + down))
    return Window(left, top, right, bottom)


def without_specks(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    import cv2
    import numpy as np

    _, pieces, facts, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    large = facts[:, cv2.CC_STAT_AREA] >= SPECK * mask.sum()
    large[0] = False  # what is not in the mask
    kept: NDArray[np.bool_] = large[pieces]
    return kept


def apart(boxes: Sequence[Box], masks: Sequence[NDArray[np.bool_]]) -> list[NDArray[np.bool_]]:
    """Each pixel for one thing; where two claim it, for the one with the smaller box.

    People stand before a bus, a cup on a table, and a tight box says more about a pixel than a wide one.
    """
    import numpy as np

    rest = list(masks)
    sizes = areas(np.array(boxes, dtype=np.float64).reshape(-1, 4))
    taken: NDArray[np.bool_] | None = None
    for position in np.argsort(sizes, kind="stable"):
        mask = masks[position]
        rest[position] = mask if taken is None else mask & ~taken
        taken = mask if taken is None else mask | taken
    return rest
