"""`pose=openpose`: all people at once by OpenPose. Its weights may not be used commercially."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labelyard.generate.model_step import ModelStep, batch_of
from labelyard.generate.record import Record
from labelyard.generate.settings import LONGEST_SIDE, setting
from labelyard.generate.steps.pose.poses import Poses
from labelyard.generate.steps.pose.skeleton import Joint, Person
from labelyard.generate.steps.tools.net_picture import as_channels, resized
from labelyard.generate.steps.tools.published import find_checkpoint
from labelyard.generate.steps.tools.shapes import built
from labelyard.generate.steps.tools.weights import read_state_dict, torch_dtype

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

SEEN_HEIGHT = 184  # pixels in which the network sees a picture: half of those that it was trained with
STRIDE = 8
GREY = 128


@dataclass(frozen=True)
class Framed:
    pixels: Tensor
    seen: tuple[int, int]  # width and height before it was filled up to a multiple of the stride
    wanted: tuple[int, int]  # the size in which people are put together


@dataclass(kw_only=True)
class OpenPose(Poses, ModelStep):
    checkpoint: str = "lllyasviel/Annotators/body_pose_model.pth"
    least_score: float = setting(0.1, least=0, most=1)  # of a joint's peak
    # about so many pixels, and both sides a multiple of 64, is the size in which people are put together
    short_side: int = setting(512, least=64, most=LONGEST_SIDE)
    # images at once on a GPU; or auto
    batch_size: int | str = batch_of(1)

    def load(self) -> None:
        from labelyard.generate.steps.models.openpose.network import OpenPose as Network

        state = read_state_dict(str(find_checkpoint(self.checkpoint, self.revision)))
        self.loaded.net = built(Network, state, self.checkpoint, "OpenPose").to(self.device, torch_dtype(self.dtype))

    def people(self, records: Sequence[Record]) -> list[list[Person]]:
        framed = [self._frame(record.image) for record in records]
        found = self.map(self._find, framed, key=lambda one: one.pixels.shape, full=False)
        return [
            [_at_the_size_of(person, one.wanted, record.image.size) for person in people]
            for record, one, people in zip(records, framed, found, strict=True)
        ]

    def _frame(self, image: Image) -> Framed:
        import cv2
        import numpy as np

        whole = resized(image, self.short_side)[..., ::-1]  # blue, green, red
        scale = SEEN_HEIGHT / whole.shape[0]
        width, height = int(whole.shape[1] * scale), int(whole.shape[0] * scale)
        small = cv2.resize(np.ascontiguousarray(whole), (width, height), interpolation=_way(scale))
        filled = np.pad(
            small, ((0, -height % STRIDE), (0, -width % STRIDE), (0, 0)), mode="constant", constant_values=GREY
        )
        return Framed(as_channels(filled) / 256 - 0.5, (width, height), whole.shape[1::-1])

    def _find(self, framed: Sequence[Framed]) -> list[list[list[Any]]]:
        import torch

        from labelyard.generate.steps.models.openpose.people import people_in

        pixels = torch.stack([one.pixels for one in framed]).to(self.device, torch_dtype(self.dtype))
        with torch.inference_mode():
            fields, maps = (part.float().cpu().numpy() for part in self.loaded.net(pixels))
        return [
            people_in(_enlarged(its_maps, one), _enlarged(its_fields, one), self.least_score)
            for one, its_maps, its_fields in zip(framed, maps, fields, strict=True)
        ]


def _enlarged(channels: Any, framed: Framed) -> Any:
    """Channels x height x width of the network to height x width x channels of the picture, without what it was
    filled up with."""
    import cv2
    import numpy as np

    (width, height), wanted = framed.seen, framed.wanted
    done = []
    for channel in channels:
        large = cv2.resize(channel, (channel.shape[1] * STRIDE, channel.shape[0] * STRIDE), interpolation=_way(STRIDE))
        whole = large[:height, :width]
        done.append(cv2.resize(whole, wanted, interpolation=_way(sum(wanted) / (width + height))))
    return np.stack(done, axis=2)


def _way(scale: float) -> int:
    import cv2

    return cv2.INTER_AREA if scale < 1 else cv2.INTER_LANCZOS4


def _at_the_size_of(person: Sequence[Any], seen: tuple[int, int], size: tuple[int, int]) -> Person:
    across, down = size[0] / seen[0], size[1] / seen[1]
    return tuple(None if peak is None else Joint(peak.x * across, peak.y * down, peak.score) for peak in person)
