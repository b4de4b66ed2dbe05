"""What all captioning models share: crops in, "category. caption" out."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from labelyard.generate.model_step import ModelStep, batch_of
from labelyard.generate.record import Instance, Record
from labelyard.generate.roles import FLOATING, OBJECT, role_of
from labelyard.generate.settings import allowing, setting
from labelyard.generate.steps.tools.crops import Crop, area, crops

if TYPE_CHECKING:
    from PIL.Image import Image

MIN_SIDE = 32


@dataclass(kw_only=True)
class Captioner(ModelStep):
    """A caption for every instance that is large enough; on a GPU crops of all records of a call form the batches.

    What is too small gets none, and so does one to which the model says nothing.
    """

    reads: ClassVar[tuple[str, ...]] = ("image", "instances")
    writes: ClassVar[tuple[str, ...]] = ("instances.caption",)

    checkpoint: str = ""  # a hub's id or a folder
    prompt: str = ""  # what the model is asked, or how its answer begins
    min_area: float = setting(MIN_SIDE * MIN_SIDE, least=0)  # of the box, in square pixels
    min_part: float = setting(0.0, least=0, most=1)  # of the image, that the box must cover
    # object, floating: instances of these roles alone; empty: all
    roles: list[str] = field(default_factory=list, metadata=allowing(words=(OBJECT, FLOATING)))
    name_category: bool = True  # the label stands before what does not name it
    num_beams: int = setting(5, least=1, most=1000)  # of the beam search; 1: the likeliest word each time
    max_new_tokens: int = setting(30, least=1, most=10_000)  # of a caption
    # above 1 for longer captions, where there are several beams
    length_penalty: float = setting(1.0, least=-100, most=100)
    repetition_penalty: float = setting(1.0, above=0, most=100)  # above 1 against saying things twice
    # crops at once on a GPU, of all images in flight; or auto
    batch_size: int | str = batch_of(8)

    def __call__(self, records: Sequence[Record]) -> None:
        for instance in (instance for record in records for instance in record.instances):
            instance.caption = instance.caption_source = None
        found = crops(records, self.wants)
        for crop, text in zip(found, self.map(self.describe, found, self._shape, self._ready), strict=True):
            self.note(crop.instance, text)

    def wants(self, record: Record, instance: Instance) -> bool:
        """Whether the instance gets a caption."""
        enough = max(self.min_area, self.min_part * record.width * record.height)
        return area(instance.box) >= enough and (not self.roles or role_of(instance.extra) in self.roles)

    def note(self, instance: Instance, text: str) -> None:
        caption = with_category(instance.label if self.name_category else "", text)
        if caption:
            instance.caption, instance.caption_source = caption, "model"

    def model(self) -> dict[str, Any]:
        made = super().model()
        if self.prompt:
            made["prompt"] = self.prompt
        return made | {"num_beams": self.num_beams, "max_new_tokens": self.max_new_tokens}

    def _ready(self, crop: Crop) -> Any:
        return self.ready(crop.image)

    def _shape(self, crop: Crop) -> Hashable:
        """Crops of one answer become inputs of one shape. Most models resize all to one size."""
        return None

    def ready(self, image: Image) -> Any:
        """One crop as `describe` wants it; made in a thread, while other crops are described."""
        return image

    def describe(self, images: Sequence[Any]) -> list[str]:
        """What the model says to each."""
        raise NotImplementedError

    def generation(self) -> dict[str, Any]:
        """Stated in full: a checkpoint's own defaults must not decide."""
        return {
            "do_sample": False,
            "num_beams": self.num_beams,
            "max_new_tokens": self.max_new_tokens,
            "length_penalty": self.length_penalty,
            "repetition_penalty": self.repetition_penalty,
        }


def with_category(label: str, text: str) -> str:
    """The model's words on one line, behind the category where they don't name it."""
    caption = " ".join(text.split())
    if not caption or label.lower() in caption.lower():
        return caption
    return f"{label}. {caption}"


def without_prompt(answers: Any, prompt: Any) -> Any:
    """Decoder-only models repeat what they were given, encoder-decoders do not."""
    length = prompt.shape[1]
    repeated = answers.shape[1] >= length and bool((answers[:, :length] == prompt).all())
    return answers[:, length:] if repeated else answers
