"""`fill=flux` and others: the subject of a picture replaced by other things, the rest kept."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.errors import ItemError
from labelyard.generate.record import Instance, Record
from labelyard.generate.settings import setting
from labelyard.generate.steps.fill.masks import fill_mask, pasted
from labelyard.generate.steps.models.diffusers.calls import refused
from labelyard.generate.steps.models.diffusers.photos import PhotoStep
from labelyard.generate.steps.models.diffusers.sizes import Size, resized
from labelyard.generate.steps.models.diffusers.step import Refused, not_refused
from labelyard.generate.steps.tools.subject import size_of, subject_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

MOST = 0.9  # of the picture; a subject of more leaves nothing to be kept


@dataclass(frozen=True)
class Hole:
    """One thing in one subject's place."""

    item: str
    prompt: str
    seed: int
    size: Size
    image: Image = field(compare=False)
    mask: Image = field(compare=False)


@dataclass(kw_only=True)
class DiffusersFill(PhotoStep):
    """`found.proposals` says by what. A picture without a subject, or of which it is nearly all, gets none; `models`
    says why."""

    picture_of: ClassVar[str] = "fill"

    count: int = setting(5, least=1, most=100)  # pictures: NAME_image_0, NAME_image_1, …
    grow: float = setting(0.05, least=0, most=0.5)  # of the mask, in parts of the longer side; twice that downward
    shape: str = setting("mask", words=("mask", "box"))  # of what is painted over
    keep_background: bool = True  # the picture itself outside of what is painted over; else as it came out
    feather: int = setting(4, least=0, most=1000)  # pixels over which one turns into the other

    @property
    def reads(self) -> tuple[str, ...]:
        masks = ("instances.mask",) if self.shape == "mask" else ()
        return ("image", "instances", *masks, "found.proposals")

    @property
    def writes(self) -> tuple[str, ...]:
        return (*(f"images.{name}" for name in self.names()), f"found.{self._meta}")

    @property
    def _meta(self) -> str:
        return f"{self.image}_meta"

    def names(self) -> list[str]:
        return [f"{self.image}_image_{number}" for number in range(self.count)]

    def has_work_for(self, record: Record) -> bool:
        return not (self.keep_given and all(name in record.images for name in self.names()))

    def __call__(self, records: Sequence[Record]) -> None:
        chosen = [(record, subject) for record in records if (subject := self._subject(record)) is not None]
        masks = [fill_mask(one, record.image.size, self.grow, self.shape == "box") for record, one in chosen]
        holes = [self._holes(record, mask) for (record, _), mask in zip(chosen, masks, strict=True)]
        made = iter(self.each_once(self._filled, [hole for some in holes for hole in some], self._shape))
        for record in records:
            self._clear(record)
        for (record, subject), mask, some in zip(chosen, masks, holes, strict=True):
            for name, hole in zip(self.names(), some, strict=True):
                self._put(record, name, hole, not_refused(next(made), record), mask)
            record.found[self._meta] = self._told_of(record, subject, some)
        self.forget()

    def _clear(self, record: Record) -> None:
        """Of what an earlier run has made."""
        record.images = {name: image for name, image in record.images.items() if name not in self.names()}
        record.found = {name: value for name, value in record.found.items() if name != self._meta}

    def _subject(self, record: Record) -> Instance | None:
        return None if self.left_out(record) else subject_of(record)

    def left_out(self, record: Record) -> str:
        """Why a record gets no pictures; nothing for one that does."""
        subject = subject_of(record)
        if subject is None:
            return "nothing was found in it"
        part = size_of(subject) / (record.width * record.height)
        if not part and self.shape == "mask":
            return "the mask of its subject is empty"
        return f"its subject is {part:.0%} of the picture" if part > MOST else ""

    def model_of(self, record: Record) -> dict[str, Any]:
        why = self.left_out(record)
        return self.model() | ({"left_out": why} if why else {})

    def _holes(self, record: Record, mask: NDArray[np.bool_]) -> list[Hole]:
        from PIL import Image as Pillow

        things = replacements(record, self.count)
        size = self.working_size(record)
        image = resized(record.image, size)
        white = Pillow.fromarray(mask).convert("L").resize(size, Pillow.Resampling.NEAREST)
        return [
            Hole(record.item.id, str(thing["description"]), self.seed_for(record, number), size, image, white)
            for number, thing in enumerate(things)
        ]

    @staticmethod
    def _shape(hole: Hole) -> Hashable:
        return hole.size

    def _filled(self, holes: Sequence[Hole]) -> list[Image | Refused]:
        return [self._one(hole) for hole in holes]

    def _one(self, hole: Hole) -> Image | Refused:
        width, height = hole.size
        given = {"prompt": hole.prompt, "image": hole.image, "mask_image": hole.mask, "width": width, "height": height}
        found = self.answered([hole.seed], given)
        return Refused() if refused(found, 1)[0] else found.images[0]

    def _put(self, record: Record, name: str, hole: Hole, made: Image, mask: NDArray[np.bool_]) -> None:
        image = resized(made.convert("RGB"), record.image.size)
        if self.keep_background:
            image = pasted(image, record.image, mask, self.feather)
        record.images[name] = self.photo(image, record, {"prompt": hole.prompt, "seed": hole.seed})

    def _told_of(self, record: Record, subject: Instance, holes: Sequence[Hole]) -> dict[str, Any]:
        things = replacements(record, self.count)
        return {
            "name": [str(thing["name"]) for thing in things],
            "description": [hole.prompt for hole in holes],
            "box": [round(edge) for edge in subject.box],
            "subject": subject.label,
            "seed": [hole.seed for hole in holes],
            "model": self.checkpoint,
        }

    def told(self) -> dict[str, Any]:
        return super().told() | {"grow": self.grow, "shape": self.shape, "keep_background": self.keep_background}


def replacements(record: Record, count: int) -> list[Mapping[str, Any]]:
    found = record.found.get("proposals")
    things = found.get("replacements") if isinstance(found, Mapping) else None
    if not isinstance(things, list) or len(things) < count:
        there = len(things) if isinstance(things, list) else 0
        raise ItemError(f"found.proposals has {there} replacements, where {count} are asked for", record.item.id)
    return things[:count]
