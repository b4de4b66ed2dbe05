"""`style=klein`: a pipeline that looks at several pictures is shown the picture and the style, and told what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labelyard.generate.steps.models.diffusers.calls import refused
from labelyard.generate.steps.models.diffusers.sizes import resized
from labelyard.generate.steps.models.diffusers.step import Refused
from labelyard.generate.steps.style.styling import Painting, Styling

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(kw_only=True)
class ShownStyle(Styling):
    # what is asked, with a place for what the picture shows: {picture}
    prompt: str = "The first picture, {picture}, painted in the style of the second one. Its content stays as it is."

    def paint(self, painting: Painting, style: Image) -> Image | Refused:
        width, height = painting.size
        given: dict[str, Any] = {
            "prompt": self.prompt.replace("{picture}", painting.prompt.rstrip(".")),
            "image": [resized(painting.image, painting.size), style],
            "width": width,
            "height": height,
        }
        found = self.answered([painting.seed], given)
        return Refused() if refused(found, 1)[0] else found.images[0]

    def told(self) -> dict[str, Any]:
        return super().told() | {"asked": self.prompt}
