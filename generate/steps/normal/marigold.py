"""`normal=marigold`: normals by Marigold, a diffusion model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Optional

from labelyard.generate.image_step import ImageStep
from labelyard.generate.model_step import ModelStep
from labelyard.generate.record import MadeImage, Record
from labelyard.generate.seeds import seed_of
from labelyard.generate.settings import LONGEST_SIDE, setting
from labelyard.generate.step import Checkpoint, Parts
from labelyard.generate.steps.normal.normal_maps import FRAMES, LEFT, RIGHT, picture


@dataclass(kw_only=True)
class Marigold(ImageStep, ModelStep):
    """One picture at a time: what it draws begins with noise, which is each record's own."""

    reads: ClassVar[tuple[str, ...]] = ("image",)
    picture_of: ClassVar[str] = "normal"

    checkpoint: str = "prs-eth/marigold-normals-v1-1"
    # of weights that are there in several forms, those with this in their names: fp16
    variant: Optional[str] = None  # noqa: UP045  (OmegaConf reads it on Python 3.10 too)
    frame: str = setting(LEFT, words=FRAMES)  # where red, green and blue grow
    iterations: int = setting(4, least=1, most=1000)  # of the drawing
    # pixels of the longer side in which it looks; 0: as the picture is
    side: int = setting(768, least=0, most=LONGEST_SIDE)
    seed: int = setting(0, least=0, most=2**63 - 1)  # of the noise that it begins with

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        return (Checkpoint(self.checkpoint, self.revision, parts=Parts(self.variant, ())),)

    def load(self) -> None:
        from labelyard.generate.steps.models.diffusers.loading import Wanted, load_pipeline

        (checkpoint,) = self.checkpoints()
        self.loaded.pipeline = load_pipeline(
            Wanted(checkpoint, "MarigoldNormalsPipeline", self.dtype, self.device), given={}
        )

    def __call__(self, records: Sequence[Record]) -> None:
        import torch

        for record in records:
            seed = seed_of(record.item.id, self.image, 0, self.seed)
            found = self.loaded.pipeline(
                record.image,
                num_inference_steps=self.iterations,
                processing_resolution=self.side,
                output_type="np",
                generator=torch.Generator("cpu").manual_seed(seed),
            ).prediction[0]
            made: MadeImage = picture(found, self.frame, RIGHT)
            made.meta["seed"] = seed
            record.images[self.image] = made

    def model(self) -> dict[str, Any]:
        return super().model() | {"iterations": self.iterations, "side": self.side}
