"""`edit=instruct_pix2pix` and others: a picture changed as an instruction says, by a pipeline of diffusers."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Optional

from labelyard.generate.errors import FatalError, ItemError
from labelyard.generate.image_step import ImageStep
from labelyard.generate.record import Record, SideImage
from labelyard.generate.settings import setting
from labelyard.generate.steps.models.diffusers.calls import refused, takes
from labelyard.generate.steps.models.diffusers.sizes import Size, resized, with_long_side
from labelyard.generate.steps.models.diffusers.step import DiffusersStep, Refused, not_refused
from labelyard.generate.steps.tools.own_image import check_image, image_of
from labelyard.generate.steps.tools.own_text import check_text, text_of

if TYPE_CHECKING:
    from PIL.Image import Image

TARGET = "%"
LEAST = 8  # pixels of a side; less shows nothing


@dataclass(frozen=True)
class Change:
    """A picture that is to be changed, in the size in which that is done."""

    item: str
    instruction: str
    seed: int
    size: Size
    image: Image = field(compare=False)


@dataclass(kw_only=True)
class DiffusersEdit(DiffusersStep, ImageStep):
    """What comes out has the size of the picture."""

    picture_of: ClassVar[str] = "edit"

    instruction: str = ""  # what is to be done; % stands for the target
    target: str = ""  # what % stands for, such as cat
    # instead of one instruction for all, each item's own: caption, or texts.NAME
    text: Optional[str] = None  # noqa: UP045
    of: str = "image"  # what is changed: image, or images.NAME
    # how closely the picture is kept to; null: the pipeline's default, or it has none
    image_guidance: Optional[float] = setting(None, least=0, most=1000)  # noqa: UP045
    resolution: int = setting(512, least=64, most=16_384)  # pixels of the long side in which it is done
    keep_aspect: bool = True  # false: it is done in a square
    multiple: int = setting(8, least=1, most=512)  # that both sides are brought to

    def __post_init__(self) -> None:
        super().__post_init__()
        check_image(self.of, "of")
        if self.text is not None:
            check_text(self.text)
        if self.text is None and TARGET in self.instruction and not self.target:
            raise ValueError(f"instruction={self.instruction!r}: what does % stand for? Give target=…")

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.of,) if self.text is None else (self.of, self.text)

    def load(self) -> None:
        if self.text is None and not self.instruction.strip():
            raise FatalError("instruction='': say what is to be done, or give text=caption")
        super().load()

    def __call__(self, records: Sequence[Record]) -> None:
        changes = [self._change(record) for record in records]
        made = self.each_once(self._changed, changes, self._shape)
        for record, change, result in zip(records, changes, made, strict=True):
            image = resized(not_refused(result, record), image_of(record, self.of).size)
            meta = {"instruction": change.instruction, "seed": change.seed, **self.told()}
            record.images[self.image] = SideImage(image, meta, ending="jpg")
        self.forget()

    def _change(self, record: Record) -> Change:
        image = image_of(record, self.of)
        if min(image.size) < LEAST:
            raise ItemError(f"{image.width}x{image.height} pixels: too small to be changed", record.item.id)
        side = self.resolution
        size = with_long_side(image.size if self.keep_aspect else (side, side), side, self.multiple)
        said = self.instruction if self.text is None else text_of(record, self.text)
        instruction = said.replace(TARGET, self.target) if self.target else said
        return Change(record.item.id, instruction, self.seed_for(record, 0), size, resized(image, size))

    @staticmethod
    def _shape(change: Change) -> Hashable:
        return change.size

    def _changed(self, changes: Sequence[Change]) -> list[Image | Refused]:
        several = len(changes) > 1
        given: dict[str, Any] = {
            "prompt": [change.instruction for change in changes] if several else changes[0].instruction,
            "image": [change.image for change in changes] if several else changes[0].image,
            "image_guidance": self.image_guidance,
        }
        if takes(self.loaded.pipe, "height"):
            given |= {"width": changes[0].size[0], "height": changes[0].size[1]}
        found = self.answered([change.seed for change in changes], given)
        flags = refused(found, len(changes))
        return [Refused() if flag else image for image, flag in zip(found.images, flags, strict=True)]

    def told(self) -> dict[str, Any]:
        more = {} if self.image_guidance is None else {"image_guidance": self.image_guidance}
        return super().told() | {**more, "resolution": self.resolution}
