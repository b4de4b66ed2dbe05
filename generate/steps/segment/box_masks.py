"""What SAM and its kin share: one mask for each box, at the image's own size.

On a GPU the encoder may see several images at once, and the decoder takes the boxes of one image, so many at a time.
How an image is framed for the network, and its mask brought back, is each family's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from labelyard.generate.compute.threads import submit
from labelyard.generate.model_step import ModelStep, batch_of
from labelyard.generate.record import Instance, Record
from labelyard.generate.roles import MASK_SOURCE
from labelyard.generate.step import transient
from labelyard.generate.steps.tools.torch_compile import compile_in_place
from labelyard.utils.rle import encode

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from labelyard.utils.rle import Rle


class Masker(Protocol):
    @property
    def encoder(self) -> Any:
        """The network's heaviest part, a module."""

    def pixels(self, image: Image) -> Tensor:
        """The image as the encoder wants it; all of one shape."""

    def encode(self, pixels: Tensor) -> list[Any]:
        """What the decoder needs of each image."""

    def decode(self, encoded: Any, boxes: Tensor, size: tuple[int, int]) -> Tensor:
        """Low-resolution logits for the boxes (n x 4, in pixels of an image of that width and height): n x h x w."""

    def restore(self, logits: Tensor, size: tuple[int, int]) -> Tensor:
        """Logits (n x h x w) at the size of the image."""


PIXELS_AT_ONCE = 64_000_000  # of masks at their images' own size, on the GPU and on their way to be coded


@dataclass(frozen=True)
class Framed:
    """A record's image as the encoder wants it, and whose masks are wanted."""

    size: tuple[int, int]  # width, height of the image
    instances: list[Instance]
    pixels: Tensor


@dataclass(kw_only=True)
class BoxMasks(ModelStep):
    writes: ClassVar[tuple[str, ...]] = ("instances.mask",)
    called: ClassVar[str] = "SAM"  # under which an instance tells of its mask, where others may have made it
    compiles: ClassVar[bool] = True

    only_missing: bool = False  # masks that are there stay; the others are told apart by mask_source
    compile: bool = False  # the encoder by torch.compile: a minute at the start, other last digits
    # images at once on a GPU, which one of this size fills; or auto
    batch_size: int | str = batch_of(1)
    boxes_at_once: int = transient(64, least=1, most=100_000)  # of an image, on a GPU

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.compile and not self.compiles:
            raise ValueError(f"compile=true: {self.called} is not compiled; the options sam and sam_hq can be")

    @property
    def reads(self) -> tuple[str, ...]:
        return ("image", "instances", *(("instances.mask",) if self.only_missing else ()))

    def load_masker(self, device: str) -> Masker:
        raise NotImplementedError

    def load(self) -> None:
        self.loaded.masker = self.load_masker(self.device)
        if self.compile:
            compile_in_place(self.loaded.masker.encoder)

    def __call__(self, records: Sequence[Record]) -> None:
        waiting = [record for record in records if self._wanted(record)]
        found = self.map(self._masks, waiting, prepare=self._framed)
        for record, masks in zip(waiting, found, strict=True):
            for instance, mask in zip(self._wanted(record), masks, strict=True):
                instance.mask = mask.result()
                if self.only_missing:
                    instance.extra[MASK_SOURCE] = self.called

    def _wanted(self, record: Record) -> list[Instance]:
        return [one for one in record.instances if one.mask is None or not self.only_missing]

    def _framed(self, record: Record) -> Framed:
        import torch

        with torch.inference_mode():
            return Framed(record.image.size, self._wanted(record), self.loaded.masker.pixels(record.image))

    def _masks(self, framed: Sequence[Framed]) -> list[list[Future[Rle]]]:
        import torch

        with torch.inference_mode():
            encoded = self.loaded.masker.encode(torch.stack([one.pixels for one in framed]).to(self.device))
            masks: dict[int, list[Future[Rle]]] = {}  # by the image, which a batch that is filled up holds repeatedly
            for one, its in zip(encoded, framed, strict=True):
                if id(its) not in masks:
                    masks[id(its)] = self._of_image(one, its)
            return [masks[id(its)] for its in framed]

    def _of_image(self, encoded: Any, framed: Framed) -> list[Future[Rle]]:
        """Run-length codes are made in threads. As many masks as may be in memory together leave the GPU together: each
        such step waits until the GPU has come to it."""
        import torch

        size = framed.size
        boxes = [instance.box for instance in framed.instances]
        masks: list[Future[Rle]] = []
        room = max(1, PIXELS_AT_ONCE // (size[0] * size[1]))
        portion = self.at_once(max(1, self.boxes_at_once))
        for start in range(0, len(boxes), portion):
            some_boxes = torch.tensor(boxes[start : start + portion], dtype=torch.float32, device=self.device)
            logits = self.loaded.masker.decode(encoded, some_boxes, size).float()
            for some in logits.split(room):
                restored = (self.loaded.masker.restore(some, size) > 0).cpu().numpy()
                if len(masks) > 2 * room:  # coding is slower than this: what waits for it must not pile up
                    masks[-2 * room].result()
                masks.extend(submit(encode, one) for one in restored)
        return masks

    def model(self) -> dict[str, Any]:
        return super().model() | ({"compile": True} if self.compile else {})
