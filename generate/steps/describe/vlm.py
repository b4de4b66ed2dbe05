"""`describe=vlm`: what a model that sees says of an image or a video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labelyard.generate.errors import ItemError
from labelyard.generate.record import Record
from labelyard.generate.settings import setting
from labelyard.generate.steps.models.chat.telling import Telling

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(kw_only=True)
class Describe(Telling):
    """Shown the image, or frames of the video, or other images of the record, the model is asked one thing."""

    checkpoint: str = "Qwen/Qwen2.5-VL-7B-Instruct"
    prompt: str = "Describe this picture in detail."
    of: list[str] = field(default_factory=lambda: ["image"])  # what is shown, in order: image, video, images.NAME
    frames: int = setting(16, least=1, most=10_000)  # of a video so many, from the first to the last
    # instead so many frames of each second, but of a long video fewer: at most `frames` in all
    per_second: float | None = setting(None, above=0, most=1000)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.of:
            if name not in ("image", "video") and not name.partition("images.")[2]:
                raise ValueError(f"of={name}: give image, video, or images.NAME for an image that a step has made")

    @property
    def reads(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.of, *super().reads)))

    @property
    def pictures(self) -> int:
        return sum(self.frames if name == "video" else 1 for name in self.of)

    def shown(self, record: Record) -> Sequence[Image]:
        return [picture for name in self.of for picture in self._pictures(record, name)]

    def _pictures(self, record: Record, name: str) -> Sequence[Image]:
        if name == "image":
            return [record.image]
        if name == "video":
            if self.per_second is None:
                return record.video.frames(self.frames)
            return record.video.frames(per_second=self.per_second, most=self.frames)
        side = record.images.get(name.removeprefix("images."))
        if side is None:
            raise ItemError(f"it has no {name}, which is to be shown", record.item.id)
        return [side.image.convert("RGB")]
