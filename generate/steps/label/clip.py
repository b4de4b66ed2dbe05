"""`label=clip`: of all that an instance was called, what it looks most like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from labelyard.generate.model_step import ModelStep, batch_of
from labelyard.generate.record import Instance, Record
from labelyard.generate.roles import floats, labels_of
from labelyard.generate.steps.label.people import as_person
from labelyard.generate.steps.models.clip.matching import Matching
from labelyard.generate.steps.tools.crops import cut


@dataclass(frozen=True)
class Choice:
    """An object with several names, in its picture."""

    record: Record
    instance: Instance
    names: tuple[str, ...]


@dataclass(kw_only=True)
class ClipLabel(ModelStep):
    """Of objects with one vote the label is that; a floating instance keeps the first it got."""

    reads: ClassVar[tuple[str, ...]] = ("image", "instances")
    writes: ClassVar[tuple[str, ...]] = ("instances.label",)

    checkpoint: str = "openai/clip-vit-large-patch14-336"  # a hub's id or a folder: CLIP, SigLIP, SigLIP 2
    prompt: str = "a photo of a {label}"  # in which a name is read
    people: bool = True  # words for people become person and persons
    # crops at once on a GPU; or auto
    batch_size: int | str = batch_of(32)

    def __post_init__(self) -> None:
        super().__post_init__()
        if "{label}" not in self.prompt:
            raise ValueError(f"prompt={self.prompt!r}: needs {{label}} where the name goes")

    def load(self) -> None:
        self.loaded.matching = Matching(self.checkpoint, self.revision, self.dtype, self.device, self.prompt)

    def __call__(self, records: Sequence[Record]) -> None:
        choices = [
            Choice(record, instance, names)
            for record in records
            for instance in record.instances
            if not floats(instance) and len(names := tuple(dict.fromkeys(labels_of(instance)))) > 1
        ]
        matching: Matching = self.loaded.matching
        seen = self.map(matching.seen, choices, prepare=self._ready)
        chosen: dict[int, str] = {}
        for choice, picture in zip(choices, seen, strict=True):
            scores = matching.scores(picture, matching.read(choice.names, self.map))
            chosen[id(choice.instance)] = choice.names[int(scores.argmax())]
        for instance in (one for record in records for one in record.instances if not floats(one)):
            label = chosen.get(id(instance), labels_of(instance)[0])
            instance.label = as_person(label) if self.people else label

    def _ready(self, choice: Choice) -> Any:
        return self.loaded.matching.ready(cut(choice.record.image, choice.instance.box))

    def model(self) -> dict[str, Any]:
        return super().model() | {"name": "CLIP label", "prompt": self.prompt}
