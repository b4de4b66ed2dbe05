"""What steps share that make one image of each record: how it is called, and that one which is there may stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from labelyard.generate.record import Record
from labelyard.generate.step import Step


@dataclass(kw_only=True)
class ImageStep(Step):
    picture_of: ClassVar[str] = "image"  # what the picture is called where the step has no name

    keep_given: bool = False  # a record that has this picture already is passed by; loaded only when one has not

    @property
    def image(self) -> str:
        """What the picture is called: as the step."""
        return self.name or self.picture_of

    @property
    def writes(self) -> tuple[str, ...]:
        return (f"images.{self.image}",)

    @property
    def lazy(self) -> bool:
        return self.keep_given

    def has_work_for(self, record: Record) -> bool:
        return not self.keep_given or self.image not in record.images
