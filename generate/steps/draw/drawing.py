"""What all that draw share: a text in, pictures out, each from its own seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Optional

from labelyard.generate.errors import ItemError
from labelyard.generate.image_step import ImageStep
from labelyard.generate.record import Record, SideImage
from labelyard.generate.seeds import seed_of
from labelyard.generate.settings import setting
from labelyard.generate.steps.tools.own_text import check_text, text_of

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Wish:
    """One picture that is to be drawn."""

    item: str
    prompt: str
    seed: int


@dataclass(frozen=True)
class Drawn:
    """A picture, or why there is none; and what is told of it alone."""

    image: Image | None
    reason: str = ""
    facts: tuple[tuple[str, Any], ...] = ()


@dataclass(kw_only=True)
class Drawing(ImageStep):
    picture_of: ClassVar[str] = "draw"

    text: str = "caption"  # what is drawn: caption, or texts.NAME
    # pixels; null: the model's default
    width: Optional[int] = setting(None, least=16, most=16_384)  # noqa: UP045
    # pixels; null: the model's default
    height: Optional[int] = setting(None, least=16, most=16_384)  # noqa: UP045
    repeats: int = setting(1, least=1, most=1000)  # pictures of an item: NAME, NAME_2, NAME_3, …
    format: str = setting("jpg", words=("jpg", "png"))  # quality 95, or without loss
    as_image: bool = False  # the first picture becomes the record's image, which later steps look at
    seed: int = setting(0, least=0)  # another one, and all pictures are others

    def __post_init__(self) -> None:
        check_text(self.text)

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.text,)

    @property
    def writes(self) -> tuple[str, ...]:
        own = ("image",) if self.as_image else ()
        return (*own, *(f"images.{name}" for name in self.names()))

    def names(self) -> list[str]:
        return [self.image if n == 1 else f"{self.image}_{n}" for n in range(1, self.repeats + 1)]

    def draw(self, wishes: Sequence[Wish]) -> list[Drawn]:
        raise NotImplementedError

    def told(self) -> dict[str, Any]:
        """What remakes a picture, beside its prompt and seed."""
        return {}

    def forget(self) -> None:
        """All records of a call have their pictures."""

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records if self.as_image else ():
            if record.item.image:
                raise ItemError("has an image of its own already; use as_image=false", record.item.id)
        wishes = [wish for record in records for wish in self._wishes(record)]
        drawn = iter(self.draw(wishes))
        for record in records:
            for name, wish in zip(self.names(), self._wishes(record), strict=True):
                record.images[name] = self._picture(next(drawn), wish)
            if self.as_image:
                record.image = record.images[self.image].image
        self.forget()

    def _wishes(self, record: Record) -> list[Wish]:
        prompt = text_of(record, self.text)
        seeds = [seed_of(record.item.id, self.name, number, self.seed) for number in range(self.repeats)]
        return [Wish(record.item.id, prompt, seed) for seed in seeds]

    def _picture(self, drawn: Drawn, wish: Wish) -> SideImage:
        if drawn.image is None:
            raise ItemError(drawn.reason, wish.item)
        meta = {"prompt": wish.prompt, "seed": wish.seed, **self.told(), **dict(drawn.facts)}
        return SideImage(drawn.image, meta, ending=self.format)
