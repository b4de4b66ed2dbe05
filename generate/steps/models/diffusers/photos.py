"""What steps share that make photos out of a record's picture: in which size, and how they are handed on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labelyard.generate.image_step import ImageStep
from labelyard.generate.record import Record, SideImage
from labelyard.generate.roles import objects_or_floating
from labelyard.generate.settings import setting
from labelyard.generate.steps.models.diffusers.sizes import Size, resized, with_area
from labelyard.generate.steps.models.diffusers.step import DiffusersStep

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(kw_only=True)
class PhotoStep(DiffusersStep, ImageStep):
    """Each is made in about `side` by `side` pixels, of the picture's shape, and comes back in the picture's size."""

    side: int = setting(512, least=64, most=16_384)  # pixels, of a square that has as many
    multiple: int = setting(16, least=1, most=512)  # that both sides are brought to
    format: str = setting("jpg", words=("jpg", "png"))  # quality 95, or without loss

    def working_size(self, record: Record) -> Size:
        return with_area(record.image.size, self.side, self.multiple)

    def photo(self, image: Image, record: Record, meta: dict[str, Any]) -> SideImage:
        back = resized(image.convert("RGB"), record.image.size)
        return SideImage(back, {**meta, **self.told(), "side": self.side}, ending=self.format)


def item_words(record: Record) -> str:
    """What the picture is about, in a few words."""
    described = record.found.get("description")
    item = described.get("item") if isinstance(described, dict) else None
    there = objects_or_floating(record.instances)
    largest = max(there, key=lambda one: (one.box[2] - one.box[0]) * (one.box[3] - one.box[1]), default=None)
    return str(item or (largest.label if largest is not None else record.caption)).strip()


def described(record: Record) -> str:
    """What is to be seen: the item and the sentence about it, else the caption."""
    found = record.found.get("description")
    said = f"{found.get('item') or ''} {found.get('description_0') or ''}" if isinstance(found, dict) else ""
    return said.strip() or record.caption.strip() or item_words(record)
