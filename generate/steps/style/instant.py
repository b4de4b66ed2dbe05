"""`style=instant`: a picture in a style, its outlines pinned: SDXL with a ControlNet of edges and an IP-Adapter, of
which only the block that carries style is heard."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Optional

from labelyard.generate.settings import setting
from labelyard.generate.step import Checkpoint
from labelyard.generate.steps.models.diffusers.calls import refused
from labelyard.generate.steps.models.diffusers.loading import diffusers, folder_of
from labelyard.generate.steps.models.diffusers.sizes import resized
from labelyard.generate.steps.models.diffusers.step import Part, Refused
from labelyard.generate.steps.style.styling import Painting, Styling
from labelyard.generate.steps.tools.weights import explained

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(kw_only=True)
class InstantStyle(Styling):
    controlnet: str = "diffusers/controlnet-canny-sdxl-1.0"  # a folder or hub's id
    control: float = setting(0.6, least=0, most=10)  # how firmly the outlines are kept
    low: int = setting(50, least=0, most=100_000)  # an edge goes on down to this gradient
    high: int = setting(200, least=0, most=100_000)  # an edge begins at this gradient
    adapter: str = "h94/IP-Adapter"  # a folder or hub's id
    adapter_file: str = "sdxl_models/ip-adapter_sdxl.safetensors"  # in it
    adapter_encoder: str = "sdxl_models/image_encoder"  # the folder in it of the model that looks at the style
    # how much each layer of the network's blocks hears of the style
    adapter_scale: dict[str, Any] = field(default_factory=lambda: {"up": {"block_0": [0.0, 1.0, 0.0]}})
    # below 1, it begins at the picture instead of at noise alone
    strength: Optional[float] = setting(None, above=0, most=1)  # noqa: UP045

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        return (*super().checkpoints(), self._adapter())

    def _adapter(self) -> Checkpoint:
        encoder = f"{self.adapter_encoder}/"
        return Checkpoint(
            self.adapter, files=(self.adapter_file, f"{encoder}config.json", f"{encoder}model.safetensors")
        )

    def given(self) -> dict[str, Any]:
        return super().given() | {"controlnet": Part("ControlNetModel", Checkpoint(self.controlnet))}

    def adapted(self, pipe: Any) -> Any:
        folder, _, file = self.adapter_file.rpartition("/")
        encoder = self.adapter_encoder.removeprefix(f"{folder}/") if folder else self.adapter_encoder
        try:
            pipe.load_ip_adapter(
                str(folder_of(self._adapter())),
                subfolder=folder,
                weight_name=file,
                image_encoder_folder=encoder,
            )
            pipe.set_ip_adapter_scale(self.adapter_scale)
        except Exception as error:  # a damaged or other file raises whatever its reader likes
            raise explained(self.adapter, type(pipe), error) from error
        if self.strength is not None:
            pipe = diffusers().StableDiffusionXLControlNetImg2ImgPipeline.from_pipe(pipe)
            pipe.set_progress_bar_config(disable=True)
        return pipe

    def paint(self, painting: Painting, style: Image) -> Image | Refused:
        width, height = painting.size
        image = resized(painting.image, painting.size)
        edges = outlines(image, self.low, self.high)
        pictures = {"image": edges} if self.strength is None else {"image": image, "control_image": edges}
        given = {
            **pictures,
            "prompt": painting.prompt,
            "ip_adapter_image": style,
            "controlnet_conditioning_scale": self.control,
            "strength": self.strength,
            "width": width,
            "height": height,
        }
        found = self.answered([painting.seed], given)
        return Refused() if refused(found, 1)[0] else found.images[0]

    def told(self) -> dict[str, Any]:
        more = {} if self.strength is None else {"strength": self.strength}
        return super().told() | {"control": self.control, "low": self.low, "high": self.high, **more}

    def model(self) -> dict[str, Any]:
        return super().model() | {"controlnet": self.controlnet, "adapter": f"{self.adapter}/{self.adapter_file}"}


def outlines(image: Image, low: int, high: int) -> Image:
    """White on black, sought in all three colours."""
    import cv2
    import numpy as np
    from PIL import Image as Pillow

    return Pillow.fromarray(cv2.Canny(np.asarray(image.convert("RGB")), low, high)).convert("RGB")
