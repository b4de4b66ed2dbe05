"""`masks=sam2`, `masks=sam`: everything in a picture that SAM can tell apart, each in a colour of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.image_step import ImageStep
from labelyard.generate.model_step import ModelStep, batch_of
from labelyard.generate.record import MadeImage, Record
from labelyard.generate.seeds import seed_of
from labelyard.generate.settings import setting
from labelyard.generate.steps.tools.mask_colours import WHITE, colours, from_the_largest, painted
from labelyard.utils.rle import Rle, encode

if TYPE_CHECKING:
    from torch import Tensor

POINTS_AT_ONCE = 64


@dataclass(frozen=True)
class Framed:
    record: Record
    pixels: Tensor


@dataclass(frozen=True)
class Kept:
    mask: Rle
    score: float
    box: tuple[float, float, float, float]


@dataclass(kw_only=True)
class Everything(ImageStep, ModelStep):
    """Asked at the points of a grid, three masks each; of those it is sure of, and that are the same a little higher or
    lower, the surer of two that overlap. Drawn on white, the larger first.
    """

    reads: ClassVar[tuple[str, ...]] = ("image",)
    picture_of: ClassVar[str] = "masks"

    points: int = setting(32, least=1, most=1000)  # along each side
    least_score: float = setting(0.8, least=0, most=1)  # how sure it is of a mask
    # of a mask a little higher and a little lower, how much is the same
    least_stability: float = setting(0.95, least=0, most=1)
    offset: float = setting(1.0, least=0, most=1000)  # of the logits, higher and lower, for the stability
    iou_threshold: float = setting(0.7, least=0, most=1)  # of two whose boxes overlap more, the surer one is kept
    keep_masks: bool = False  # write them beside the picture, too
    seed: int = setting(0, least=0, most=2**63 - 1)  # of the colours
    # images at once on a GPU, which one of this size fills; or auto
    batch_size: int | str = batch_of(1)

    def load_masker(self) -> Any:
        raise NotImplementedError

    def load(self) -> None:
        self.loaded.masker = self.load_masker()

    def __call__(self, records: Sequence[Record]) -> None:
        found = self.map(self._find, records, prepare=self._framed)
        for record, kept in zip(records, found, strict=True):
            record.images[self.image] = self._drawn(record, kept)

    def _framed(self, record: Record) -> Framed:
        import torch

        with torch.inference_mode():
            return Framed(record, self.loaded.masker.pixels(record.image))

    def _find(self, framed: Sequence[Framed]) -> list[list[Kept]]:
        import torch

        with torch.inference_mode():
            encoded = self.loaded.masker.encode(torch.stack([one.pixels for one in framed]).to(self.device))
            return [self._of_image(one, its.record) for one, its in zip(encoded, framed, strict=True)]

    def _of_image(self, encoded: Any, record: Record) -> list[Kept]:
        import numpy as np

        from labelyard.utils.boxes import nms

        size = record.image.size
        grid = self._grid(size)
        found = [kept for start in range(0, len(grid), POINTS_AT_ONCE) for kept in self._at(encoded, grid, start, size)]
        if not found:
            return []
        boxes = np.array([one.box for one in found], dtype=np.float64)
        return [found[n] for n in nms(boxes, np.array([one.score for one in found]), self.iou_threshold)]

    def _grid(self, size: tuple[int, int]) -> Tensor:
        """The middles of so many cells along each side."""
        import torch

        middles = (torch.arange(self.points, device=self.device) + 0.5) / self.points
        rows, columns = torch.meshgrid(middles * size[1], middles * size[0], indexing="ij")
        return torch.stack([columns.flatten(), rows.flatten()], dim=1)

    def _at(self, encoded: Any, grid: Tensor, start: int, size: tuple[int, int]) -> list[Kept]:
        logits, scores = self.loaded.masker.decode_points(encoded, grid[start : start + POINTS_AT_ONCE], size)
        logits, scores = logits.flatten(0, 1).float(), scores.flatten().float()
        sure = scores > self.least_score
        found = []
        for low, score in zip(logits[sure], scores[sure].tolist(), strict=True):
            whole = self.loaded.masker.restore(low[None], size)[0]
            inside, outside = (int((whole > edge).sum()) for edge in (self.offset, -self.offset))
            if outside and inside / outside >= self.least_stability:
                mask = (whole > 0).cpu().numpy()
                if mask.any():
                    found.append(Kept(encode(mask), score, _box(mask)))
        return found

    def _drawn(self, record: Record, kept: Sequence[Kept]) -> MadeImage:
        order = from_the_largest([one.mask for one in kept])
        masks = [kept[number].mask for number in order]
        seed = seed_of(record.item.id, self.image, 0, self.seed)
        hues = colours(len(masks), seed, WHITE)
        told: dict[str, Any] = {"ground": "white", "masks": len(masks), "seed": seed}
        if self.keep_masks:
            told["each"] = [
                {"mask": kept[number].mask, "score": kept[number].score, "colour": list(hue)}
                for number, hue in zip(order, hues, strict=True)
            ]
        return MadeImage(painted(masks, hues, WHITE, record.image.size), told)

    def model(self) -> dict[str, Any]:
        return super().model() | {"points": self.points}


def _box(mask: Any) -> tuple[float, float, float, float]:
    """Of its pixels' middles, as the authors have it."""
    import numpy as np

    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return float(columns[0]), float(rows[0]), float(columns[-1]), float(rows[-1])


@dataclass(kw_only=True)
class EverythingBySam2(Everything):
    checkpoint: str = "facebook/sam2.1-hiera-large"

    def load_masker(self) -> Any:
        from labelyard.generate.steps.models.sam.sam2 import load_sam2

        return load_sam2(self.checkpoint, self.revision, self.device, self.dtype)


@dataclass(kw_only=True)
class EverythingBySam(Everything):
    """`checkpoint` is a hub id, a transformers folder, or a file as the authors published it (sam_vit_b|l|h….pth)."""

    checkpoint: str = "facebook/sam-vit-huge"
    least_score: float = setting(0.88, least=0, most=1)  # how sure it is of a mask

    def load_masker(self) -> Any:
        from labelyard.generate.steps.models.sam.ports import SamMasker, load_port

        model = load_port(self.checkpoint, self.revision, hq=False, device=self.device, dtype=self.dtype)
        return SamMasker(model, self.dtype)
