"""`reference=edit`, `reference=klein`: the subject as a shop would show it, by a pipeline that changes pictures."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.record import Record
from labelyard.generate.steps.models.diffusers.calls import refused, takes
from labelyard.generate.steps.models.diffusers.photos import PhotoStep, item_words
from labelyard.generate.steps.models.diffusers.sizes import Size, resized
from labelyard.generate.steps.models.diffusers.step import Refused, not_refused

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Scene:
    """A picture out of which its subject is to be taken."""

    item: str
    prompt: str
    seed: int
    size: Size
    image: Image = field(compare=False)


@dataclass(kw_only=True)
class EditedReference(PhotoStep):
    """The described item, else the largest instance, else what the caption says. It sees the whole picture, and so may
    complete what is hidden there. A record of which nothing is known has no such picture.
    """

    reads: ClassVar[tuple[str, ...]] = ("image", "found.description")
    picture_of: ClassVar[str] = "ref"

    # what is asked, with a place for the subject: {item}
    prompt: str = (
        "A product photo of {item} from this picture: the very same thing, whole, in the middle, by itself on a plain "
        "white ground in even light, with nothing else in the picture."
    )

    def __call__(self, records: Sequence[Record]) -> None:
        scenes = [(record, self._scene(record)) for record in records if item_words(record)]
        made = iter(self.each_once(self._shown, [scene for _, scene in scenes], self._shape))
        for record in records:
            record.images.pop(self.image, None)
        for record, scene in scenes:
            meta = {"prompt": scene.prompt, "seed": scene.seed}
            record.images[self.image] = self.photo(not_refused(next(made), record), record, meta)
        self.forget()

    def _scene(self, record: Record) -> Scene:
        size = self.working_size(record)
        prompt = self.prompt.replace("{item}", item_words(record).rstrip("."))
        return Scene(record.item.id, prompt, self.seed_for(record, 0), size, resized(record.image, size))

    @staticmethod
    def _shape(scene: Scene) -> Hashable:
        return scene.size

    def _shown(self, scenes: Sequence[Scene]) -> list[Image | Refused]:
        return [self._one(scene) for scene in scenes]

    def _one(self, scene: Scene) -> Image | Refused:
        width, height = scene.size
        given: dict[str, Any] = {"prompt": scene.prompt, "image": scene.image, "width": width, "height": height}
        if takes(self.loaded.pipe, "max_area"):  # to which Kontext would else bring every size
            given["max_area"] = width * height
        found = self.answered([scene.seed], given)
        return Refused() if refused(found, 1)[0] else found.images[0]

    def model_of(self, record: Record) -> dict[str, Any]:
        left_out = {} if self.image in record.images else {"left_out": "it is not known what it is about"}
        return self.model() | left_out
