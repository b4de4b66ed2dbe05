"""`style=redux`: a new picture of what a text says, in the style of another: FLUX, given what Redux sees in that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labelyard.generate.settings import setting
from labelyard.generate.step import Checkpoint, Parts
from labelyard.generate.steps.models.diffusers.calls import refused
from labelyard.generate.steps.models.diffusers.loading import Wanted, load_pipeline
from labelyard.generate.steps.models.diffusers.step import Refused
from labelyard.generate.steps.style.styling import Painting, Styling

if TYPE_CHECKING:
    from PIL.Image import Image

SHARED = ("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2")


@dataclass(kw_only=True)
class ReduxStyle(Styling):
    prior: str = "black-forest-labs/FLUX.1-Redux-dev"  # a folder or hub's id
    style_weight: float = setting(1.0, least=0, most=10)  # how much the style is heard
    content_weight: float = setting(0.0, least=0, most=10)  # how much the picture itself is heard beside it
    pooled_weight: float = setting(1.0, least=0, most=10)  # of the summary of the words

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        return (*super().checkpoints(), self._prior())

    def _prior(self) -> Checkpoint:
        return Checkpoint(self.prior, parts=Parts(without=SHARED))

    def load(self) -> None:
        super().load()
        pipe = self.loaded.pipe
        wanted = Wanted(self._prior(), "FluxPriorReduxPipeline", self.dtype, self.device)
        self.loaded.prior = load_pipeline(wanted, {name: getattr(pipe, name) for name in SHARED})

    def paint(self, painting: Painting, style: Image) -> Image | Refused:
        """Pictures that the prior sees in one call are blended."""
        import torch

        seen, weights = [style], [self.style_weight]
        if self.content_weight:
            seen, weights = [style, painting.image], [self.style_weight, self.content_weight]
        several = len(seen) > 1
        with torch.no_grad():
            told = self.loaded.prior(
                image=seen if several else style,
                prompt=[painting.prompt] * len(seen) if several else painting.prompt,
                prompt_embeds_scale=weights if several else weights[0],
                pooled_prompt_embeds_scale=[self.pooled_weight] * len(seen) if several else self.pooled_weight,
            )
        width, height = painting.size
        given = {
            "prompt_embeds": told.prompt_embeds,
            "pooled_prompt_embeds": told.pooled_prompt_embeds,
            "width": width,
            "height": height,
        }
        found = self.answered([painting.seed], given)
        return Refused() if refused(found, 1)[0] else found.images[0]

    def told(self) -> dict[str, Any]:
        weights = {"style_weight": self.style_weight, "pooled_weight": self.pooled_weight}
        return super().told() | weights | ({"content_weight": self.content_weight} if self.content_weight else {})

    def model(self) -> dict[str, Any]:
        return super().model() | {"prior": self.prior}
