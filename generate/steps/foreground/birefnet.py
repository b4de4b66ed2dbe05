"""`foreground=birefnet`: a fine matte of what stands before the rest, by BiRefNet or RMBG-2.0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.settings import LONGEST_SIDE, setting
from labelyard.generate.steps.tools.net_picture import NetPicture
from labelyard.generate.steps.tools.pixels import IMAGENET_MEAN, IMAGENET_STD, to_tensor
from labelyard.generate.steps.tools.published import find_checkpoint
from labelyard.generate.steps.tools.shapes import built
from labelyard.generate.steps.tools.weights import read_state_dict, torch_dtype

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

UNIT = 32


@dataclass(kw_only=True)
class BiRefNet(NetPicture):
    """White is the foreground, grey what is half of it, as hair is. The picture is squeezed to a square."""

    picture_of: ClassVar[str] = "foreground"

    checkpoint: str = "ZhengPeng7/BiRefNet/model.safetensors"  # or briaai/RMBG-2.0/model.safetensors, or a file
    side: int = setting(1024, least=UNIT, most=LONGEST_SIDE)  # pixels of the square, a multiple of 32

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.side % UNIT:
            raise ValueError(
                f"side={self.side}: not a multiple of {UNIT}; use side={max(UNIT, self.side // UNIT * UNIT)}"
            )

    def load(self) -> None:
        from labelyard.generate.steps.models.birefnet.network import BiRefNet as Network

        state = read_state_dict(str(find_checkpoint(self.checkpoint, self.revision)))
        self.loaded.net = built(Network, state, self.checkpoint, "BiRefNet").to(self.device, torch_dtype(self.dtype))

    def frame(self, image: Image) -> Tensor:
        from PIL.Image import Resampling

        return to_tensor(image.resize((self.side, self.side), Resampling.BILINEAR), IMAGENET_MEAN, IMAGENET_STD)

    def answer(self, pixels: Tensor) -> Sequence[Any]:
        return list(self.loaded.net(pixels)[:, 0].float().sigmoid().cpu().numpy())

    def picture(self, answer: Any, size: tuple[int, int]) -> Image:
        import numpy as np
        from PIL import Image as pillow

        square = pillow.fromarray(np.rint(answer * 255).astype(np.uint8))
        return square.resize(size, pillow.Resampling.BILINEAR)
