"""`draw=diffusers` and its presets: a picture of each text by any pipeline of diffusers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labelyard.generate.errors import FatalError
from labelyard.generate.steps.draw.drawing import Drawing, Drawn, Wish
from labelyard.generate.steps.models.diffusers.calls import refused
from labelyard.generate.steps.models.diffusers.step import REFUSED, DiffusersStep


@dataclass(kw_only=True)
class DiffusersDrawing(DiffusersStep, Drawing):
    def __post_init__(self) -> None:
        DiffusersStep.__post_init__(self)
        Drawing.__post_init__(self)

    def draw(self, wishes: Sequence[Wish]) -> list[Drawn]:
        return self.each_once(self._draw, wishes)

    def _draw(self, wishes: Sequence[Wish]) -> list[Drawn]:
        prompts: Any = [wish.prompt for wish in wishes] if len(wishes) > 1 else wishes[0].prompt
        given = {"prompt": prompts, "width": self.width, "height": self.height}
        found = self.answered([wish.seed for wish in wishes], given)
        self._check_size(found.images[0].size)
        flags = refused(found, len(wishes))
        return [
            Drawn(None, REFUSED) if flag else Drawn(image.convert("RGB"))
            for image, flag in zip(found.images, flags, strict=True)
        ]

    def _check_size(self, size: tuple[int, int]) -> None:
        """Most pipelines round a size that they can't make, and only warn."""
        for name, asked, came in zip(("width", "height"), (self.width, self.height), size, strict=True):
            if asked is not None and asked != came:
                raise FatalError(f"{name}={asked}: this pipeline makes {came} of it; give a multiple of 16, or of 32")
