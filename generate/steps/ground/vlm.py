"""`ground=vlm`: boxes and names of what stands out in a picture, as a chat model writes them down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labelyard.generate.record import Instance, Item, Record, Text
from labelyard.generate.settings import setting
from labelyard.generate.steps.models.chat.boxes import (
    FACTOR,
    PIXELS,
    THOUSANDTHS,
    counts_in,
    in_picture,
    said_in,
    shown_size,
)
from labelyard.generate.steps.models.chat.messages import Answer
from labelyard.generate.steps.models.chat.prompts import Template
from labelyard.generate.steps.models.chat.step import ChatStep

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(kw_only=True)
class VlmBoxes(ChatStep):
    """It names what it likes; the label is as it says it. An answer without JSON is no box."""

    checkpoint: str = "Qwen/Qwen2.5-VL-7B-Instruct"
    # what is asked, with places: {most}, {caption}, {tags}, a column of the row
    prompt: str = (
        "Find the things in this picture that one would mention first, at most {most}, each of them once. Answer with "
        'a JSON list alone, with an entry for each thing: [{{"bbox_2d": [x0, y0, x1, y1], "label": "its name"}}]. The '
        "name is one to four words. Where there is nothing to name, answer []."
    )
    most: int = setting(10, least=1, most=1000)  # boxes of a picture; further ones are left
    # in what the model counts; auto: Qwen2.5-VL in pixels of what it sees, all others in thousandths of the sides
    coordinates: str = setting("auto", words=("auto", PIXELS, THOUSANDTHS))
    least_pixels: int = setting(3136, least=FACTOR**2, most=100_000_000)  # a smaller picture is shown larger
    most_pixels: int = setting(1_003_520, least=FACTOR**2, most=100_000_000)  # a larger picture is shown smaller
    keep_answer: bool = False  # keep what the model said as a text, under the step's name

    def __post_init__(self) -> None:
        super().__post_init__()
        self._silent = set[str]()  # the items of which it said nothing that could be read
        try:
            Template(self.prompt)
        except ValueError as error:
            raise ValueError(f"prompt={error}") from None

    @property
    def reads(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(("image", *Template(self.prompt).reads())))

    @property
    def writes(self) -> tuple[str, ...]:
        return ("instances", *((f"texts.{self.name}",) if self.keep_answer else ()))

    def questions(self, item: Item) -> Sequence[tuple[str, int]]:
        return [(self.prompt, 1)]

    def __call__(self, records: Sequence[Record]) -> None:
        asks = Template(self.prompt)
        shown = [self._shown(record) for record in records]
        asked = [
            self.request(record, asks.filled(record, {"most": str(self.most)}), [picture])
            for record, picture in zip(records, shown, strict=True)
        ]
        answers = self.ask(asked)
        for record, picture, answer in zip(records, shown, answers, strict=True):
            record.instances = self._instances(record, picture, answer)
            silent = said_in(answer.text) is None
            (self._silent.add if silent else self._silent.discard)(record.item.id)
            if self.keep_answer:
                record.texts[self.name] = Text(answer.text, "model", facts=self.facts(answer))

    def _shown(self, record: Record) -> Image:
        from PIL.Image import Resampling

        size = shown_size(record.image.size, self.least_pixels, self.most_pixels, self.max_side)
        return record.image if record.image.size == size else record.image.resize(size, Resampling.BICUBIC)

    def _instances(self, record: Record, picture: Image, answer: Answer) -> list[Instance]:
        how = counts_in(self.checkpoint) if self.coordinates == "auto" else self.coordinates
        counted = picture.size if how == PIXELS else (1000, 1000)
        found = []
        for said in said_in(answer.text) or []:
            box = in_picture(said.box, counted, record.image.size)
            if box is not None:
                found.append(Instance(box, 1.0, said.label))
        return found[: self.most]

    def model_of(self, record: Record) -> dict[str, Any]:
        silent = record.item.id in self._silent
        return self.model() | ({"answer": "without JSON, and so without boxes"} if silent else {})

    def model(self) -> dict[str, Any]:
        return super().model() | {"prompt": self.prompt}
