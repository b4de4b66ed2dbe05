"""`verify=siglip`: whether an instance's part of the picture looks like its label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labelyard.generate.errors import FatalError
from labelyard.generate.model_step import ModelStep, batch_of
from labelyard.generate.record import Record
from labelyard.generate.roles import agree
from labelyard.generate.settings import setting
from labelyard.generate.steps.models.clip.matching import Matching
from labelyard.generate.steps.tools.crops import cut
from labelyard.generate.steps.verify.opinion import Opinion
from labelyard.utils.boxes import grown


@dataclass(kw_only=True)
class SiglipOpinion(Opinion, ModelStep):
    """SigLIP says yes or no to each name, in parts of one; CLIP only says which of several names fits best."""

    checkpoint: str = "google/siglip2-so400m-patch14-384"  # a hub's id or a folder
    prompt: str = "a photo of a {label}"  # in which a label is read
    margin: float = setting(0.1, least=0, most=10)  # how much of its surroundings is shown, in parts of the box's sides
    # crops at once on a GPU; or auto
    batch_size: int | str = batch_of(32)

    def __post_init__(self) -> None:
        super().__post_init__()
        if "{label}" not in self.prompt:
            raise ValueError(f"prompt={self.prompt!r}: needs {{label}} where the label goes")

    def load(self) -> None:
        self.loaded.matching = Matching(self.checkpoint, self.revision, self.dtype, self.device, self.prompt)
        if not self.loaded.matching.several:
            raise FatalError(
                f"checkpoint={self.checkpoint}: is a CLIP, which says which of several names fits best, and not "
                "whether one fits; give a SigLIP"
            )

    def __call__(self, records: Sequence[Record]) -> None:
        matching: Matching = self.loaded.matching
        crops = [(record, instance) for record in records for instance in record.instances]

        def ready(crop: Any) -> Any:
            record, instance = crop
            return matching.ready(cut(record.image, grown(instance.box, self.margin, record.image.size)))

        seen = iter(self.map(matching.seen, crops, prepare=ready))
        for record in records:
            opinions = [
                float(matching.scores(next(seen), matching.read([instance.label], self.map))[0])
                for instance in record.instances
            ]
            agree(record.instances, self.called, opinions)

    def model(self) -> dict[str, Any]:
        return super().model() | {"name": "SigLIP opinion", "prompt": self.prompt}
