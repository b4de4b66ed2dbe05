"""`tag=siglip`: which names of a list fit a picture, each by itself, by SigLIP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from labelyard.generate.errors import FatalError
from labelyard.generate.model_step import ModelStep, batch_of
from labelyard.generate.record import Record, Tag
from labelyard.generate.settings import allowing, setting
from labelyard.generate.steps.models.clip.matching import Matching
from labelyard.generate.steps.tag.names import lines, read


@dataclass(kw_only=True)
class SiglipTags(ModelStep):
    """An entry of the list is a name, or `name = prompt`, as for tag=list. The best come first."""

    reads: ClassVar[tuple[str, ...]] = ("image",)
    writes: ClassVar[tuple[str, ...]] = ("tags",)

    checkpoint: str = "google/siglip2-so400m-patch14-384"  # a hub's id or a folder
    names: list[str] = field(default_factory=list)  # as they are, before those of the file
    file: str | None = None  # a UTF-8 text with one on each line
    prompt: str = "a photo of a {label}"  # in which a name is read
    threshold: float = setting(0.1, least=0, most=1)  # least score of a tag
    # of single names, by name: +tag.thresholds.dog=0.3
    thresholds: dict[str, float] = field(default_factory=dict, metadata=allowing(least=0, most=1))
    # images at once on a GPU; or auto
    batch_size: int | str = batch_of(32)

    def __post_init__(self) -> None:
        super().__post_init__()
        read(self.names)
        if "{label}" not in self.prompt:
            raise ValueError(f"prompt={self.prompt!r}: needs {{label}} where the name goes")

    def load(self) -> None:
        try:
            self.loaded.tags = read([*self.names, *lines(self.file)])
        except ValueError as error:
            raise FatalError(f"file={self.file}: {error}") from None
        if not self.loaded.tags:
            raise FatalError(
                "names=[]: there is no name to look for; give names=[dog,cat], or file=…, one on each line"
            )
        _check(self.thresholds, [tag.name for tag in self.loaded.tags])
        self.loaded.matching = Matching(self.checkpoint, self.revision, self.dtype, self.device, self.prompt)
        if not self.loaded.matching.several:
            raise FatalError(
                f"checkpoint={self.checkpoint}: is a CLIP, which says which of several names fits best, and not "
                "which of them fit; give a SigLIP"
            )

    def __call__(self, records: Sequence[Record]) -> None:
        matching: Matching = self.loaded.matching
        tags: list[Tag] = self.loaded.tags
        texts = matching.read([tag.prompt or tag.name for tag in tags], self.map)
        seen = self.map(matching.seen, [record.image for record in records], prepare=matching.ready)
        for record, picture in zip(records, seen, strict=True):
            scores = matching.scores(picture, texts)
            found = [
                Tag(tag.name, float(score), tag.prompt, dict(tag.extra))
                for tag, score in zip(tags, scores, strict=True)
                if score >= self.thresholds.get(tag.name, self.threshold)
            ]
            record.tags = sorted(found, key=lambda tag: -tag.score)

    def model(self) -> dict[str, Any]:
        return super().model() | {"name": "SigLIP tags", "prompt": self.prompt, "names": len(self.loaded.tags)}


def _check(thresholds: Mapping[str, float], names: Sequence[str]) -> None:
    unknown = next((name for name in thresholds if name not in names), None)
    if unknown is not None:
        raise FatalError(f"thresholds names {unknown!r}, which is not in the list of names")
