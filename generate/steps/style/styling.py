"""What steps share that paint a picture in styles: which pictures of a folder each item's styles are, and what is told
of them."""

from __future__ import annotations

import random
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Optional

from labelyard.generate.errors import FatalError
from labelyard.generate.record import Record
from labelyard.generate.record_json.beside import given_image
from labelyard.generate.seeds import seed_of
from labelyard.generate.settings import setting
from labelyard.generate.steps.models.diffusers.photos import PhotoStep, described
from labelyard.generate.steps.models.diffusers.sizes import Size
from labelyard.generate.steps.models.diffusers.step import Refused, not_refused
from labelyard.utils.images import UnreadableImage, decode_as_it_is

if TYPE_CHECKING:
    from PIL.Image import Image


IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif")


@dataclass(frozen=True)
class Painting:
    """A picture in one style."""

    item: str
    prompt: str
    seed: int
    size: Size
    style: str  # the file of the style
    image: Image = field(compare=False)


@dataclass(kw_only=True)
class Styling(PhotoStep):
    picture_of: ClassVar[str] = "style"

    # pictures of styles, of which each item gets some by chance
    folder: Optional[str] = None  # noqa: UP045
    count: int = setting(3, least=1, most=100)  # different ones for each: NAME_image_0 in the style NAME_ref_0, …

    @property
    def reads(self) -> tuple[str, ...]:
        return ("image", "found.description")

    @property
    def writes(self) -> tuple[str, ...]:
        return tuple(f"images.{name}" for pair in self.names() for name in pair)

    def names(self) -> list[tuple[str, str]]:
        return [(f"{self.image}_image_{number}", f"{self.image}_ref_{number}") for number in range(self.count)]

    def has_work_for(self, record: Record) -> bool:
        return not (self.keep_given and all(name in record.images for pair in self.names() for name in pair))

    def load(self) -> None:
        _ = self.styles
        super().load()

    def lacking(self) -> str | None:
        return super().lacking() or self._no_styles()

    @cached_property
    def styles(self) -> list[Path]:
        problem = self._no_styles()
        if problem:
            raise FatalError(problem)
        return self._pictures()

    def _no_styles(self) -> str | None:
        if self.folder is None:
            return "folder=null: give a folder with pictures of styles"
        if not Path(self.folder).expanduser().is_dir():
            return f"folder={self.folder}: there is no such folder (looked in {Path.cwd()})"
        found = len(self._pictures())
        if found >= self.count:
            return None
        return (
            f"folder={self.folder}: {found} pictures, where each item gets {self.count} different ones; "
            f"give more, or count={max(1, found)}"
        )

    def _pictures(self) -> list[Path]:
        above = Path(str(self.folder)).expanduser()
        return sorted(path for path in above.iterdir() if path.suffix.lower() in IMAGES and path.is_file())

    def chosen(self, record: Record) -> list[Path]:
        """By the item, and not by who else is there."""
        dice = random.Random(seed_of(record.item.id, self.name, self.count, self.seed))
        return dice.sample(self.styles, self.count)

    def __call__(self, records: Sequence[Record]) -> None:
        paintings = [painting for record in records for painting in self._paintings(record)]
        made = iter(self.each_once(self._painted, paintings, self._shape))
        for record in records:
            for (name, ref), painting in zip(self.names(), self._paintings(record), strict=True):
                meta = {"prompt": painting.prompt, "seed": painting.seed, "style": Path(painting.style).name}
                record.images[name] = self.photo(not_refused(next(made), record), record, meta)
                place = {"file": painting.style}
                record.images[ref] = given_image(place, None, record.item.id, {"style": Path(painting.style).name})
        self.forget()

    def _paintings(self, record: Record) -> list[Painting]:
        return [
            Painting(
                record.item.id,
                described(record),
                self.seed_for(record, number),
                self.working_size(record),
                str(style.resolve()),
                record.image,
            )
            for number, style in enumerate(self.chosen(record))
        ]

    @staticmethod
    def _shape(painting: Painting) -> Hashable:
        return painting.size

    def _painted(self, paintings: Sequence[Painting]) -> list[Image | Refused]:
        return [self.paint(painting, picture(painting.style)) for painting in paintings]

    def paint(self, painting: Painting, style: Image) -> Image | Refused:
        raise NotImplementedError


def picture(style: str) -> Image:
    try:
        return decode_as_it_is(Path(style).read_bytes()).convert("RGB")
    except (OSError, UnreadableImage) as error:
        raise FatalError(f"folder: {style} can't be read ({error}); take it out of the folder") from None
