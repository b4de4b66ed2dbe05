"""`normal=dsine`: normals by DSINE, whose authors' own code is run, from a checkout of theirs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Optional

from labelyard.generate.checkpoint import Licence
from labelyard.generate.errors import FatalError
from labelyard.generate.image_step import ImageStep
from labelyard.generate.model_step import ModelStep, batch_of
from labelyard.generate.record import MadeImage, Record
from labelyard.generate.settings import setting
from labelyard.generate.step import Checkpoint
from labelyard.generate.steps.models.dsine.native import WHERE, load
from labelyard.generate.steps.normal.normal_maps import FRAMES, LEFT, picture
from labelyard.generate.steps.tools.licences import DSINE
from labelyard.generate.steps.tools.net_picture import Framed, as_channels

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

MULTIPLE = 32  # of both sides
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(kw_only=True)
class Dsine(ImageStep, ModelStep):
    """Its licence allows research alone: nothing of it is here, and its checkout's code runs in the worker. It looks
    at a picture as large as it is."""

    reads: ClassVar[tuple[str, ...]] = ("image",)
    picture_of: ClassVar[str] = "normal"

    # the folder of a checkout of its authors' code
    repo: Optional[str] = None  # noqa: UP045
    checkpoint: str = ""  # its file dsine.pt
    experiment: str = "exp001_cvpr2024/dsine"  # of the checkout's projects/dsine/experiments: what the file was made by
    frame: str = setting(LEFT, words=FRAMES)  # where red, green and blue grow
    view: float = setting(60.0, above=0, most=170)  # degrees, along the longer side of the picture
    # images at once on a GPU, which one of this size fills; or auto
    batch_size: int | str = batch_of(1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dtype != "float32":
            raise ValueError(f"dtype={self.dtype}: its code computes in float32")

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        return super().checkpoints() if self.checkpoint else ()

    def licences(self) -> dict[str, Licence | None]:
        return {self.checkpoint or "dsine.pt": DSINE}

    def lacking(self) -> str | None:
        if self.repo is None or not Path(self.repo).expanduser().is_dir():
            return f"repo={self.repo or 'null'}: give the folder of a checkout of its authors' code: {WHERE}"
        if not self.checkpoint:
            return "checkpoint='': give the file dsine.pt; the README of repo says where it is"
        if not find_spec("geffnet"):
            return "geffnet: not installed, and its code needs it; run: pip install geffnet"
        return None

    def load(self) -> None:
        if self.repo is None:
            raise FatalError(str(self.lacking()))
        repo = Path(self.repo).expanduser().resolve()
        self.loaded.normals = load(repo, self.experiment, self.checkpoint, self.device)

    def __call__(self, records: Sequence[Record]) -> None:
        units = [Framed(framed(record.image), record.image.size) for record in records]
        made = self.map(self._pictures, units, key=lambda one: one.size, full=False)
        for record, image in zip(records, made, strict=True):
            record.images[self.image] = image

    def _pictures(self, units: Sequence[Framed]) -> list[MadeImage]:
        import torch

        cameras = torch.stack([camera(one.size, self.view) for one in units]).to(self.device)
        pixels = torch.stack([one.pixels for one in units]).to(self.device)
        with torch.no_grad():
            answers = self.loaded.normals(pixels, cameras).float().cpu().permute(0, 2, 3, 1).numpy()
        return [self._picture(answer, one.size) for answer, one in zip(answers, units, strict=True)]

    def _picture(self, answer: Any, size: tuple[int, int]) -> MadeImage:
        (left, top), (width, height) = before(size), size
        # Away from who looks, in axes right, down, away: in those of left, up, near the same three numbers.
        return picture(answer[top : top + height, left : left + width], self.frame, LEFT)

    def model(self) -> dict[str, Any]:
        return super().model() | {"experiment": self.experiment, "view": self.view}


def before(size: tuple[int, int]) -> tuple[int, int]:
    """How many columns and rows come before a picture in the middle of one whose sides are multiples."""
    left, top = (-side % MULTIPLE // 2 for side in size)
    return left, top


def framed(image: Image) -> Tensor:
    """The picture with black around it, and all of that in ImageNet's measure."""
    import numpy as np
    import torch

    left, top = before(image.size)
    channels = as_channels(np.array(image.convert("RGB"))) / 255
    width, height = (-side % MULTIPLE for side in image.size)
    whole = torch.nn.functional.pad(channels, (left, width - left, top, height - top))
    return (whole - torch.tensor(MEAN)[:, None, None]) / torch.tensor(SPREAD)[:, None, None]


def camera(size: tuple[int, int], view: float) -> Tensor:
    """Of a picture that was taken with a view so wide: where it lies in what is `framed`."""
    import torch

    left, top = before(size)
    focal = max(size) / 2 / math.tan(math.radians(view) / 2)
    across, down = size[0] / 2 - 0.5 + left, size[1] / 2 - 0.5 + top
    return torch.tensor([[focal, 0, across], [0, focal, down], [0, 0, 1]], dtype=torch.float32)
