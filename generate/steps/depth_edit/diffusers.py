"""`depth_edit=flux` and others: the same depths, other surroundings."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Optional

from labelyard.generate.errors import ItemError
from labelyard.generate.media.depth_view import near_white
from labelyard.generate.record import Record
from labelyard.generate.settings import setting
from labelyard.generate.step import Checkpoint
from labelyard.generate.steps.models.diffusers.calls import refused, takes
from labelyard.generate.steps.models.diffusers.photos import PhotoStep, item_words
from labelyard.generate.steps.models.diffusers.sizes import Size, resized
from labelyard.generate.steps.models.diffusers.step import Part, Refused, not_refused

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class View:
    """A scene over given depths."""

    item: str
    prompt: str
    seed: int
    size: Size
    depth: Image = field(compare=False)


@dataclass(kw_only=True)
class DiffusersDepthEdit(PhotoStep):
    """`found.proposals` says the scene; what the picture is about comes before it."""

    picture_of: ClassVar[str] = "depth_edit"

    of: str = "depth"  # the depth picture is images.OF; it is shown to the model with what is near in white
    prompt: str = "{item}. {scene}"  # with places: {item}, {scene}
    # a folder or hub's id of a ControlNet, for pipelines that have one
    controlnet: Optional[str] = None  # noqa: UP045
    # of the ControlNet, or of the pipeline where it has such a scale; null: its default
    control: Optional[float] = setting(None, least=0, most=10)  # noqa: UP045
    controlnet_class: str = "FluxControlNetModel"  # of diffusers

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            self.prompt.format(item="", scene="")
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(f"prompt={self.prompt!r}: {error}; its places are {{item}} and {{scene}}") from None

    @property
    def reads(self) -> tuple[str, ...]:
        return ("image", f"images.{self.of}", "found.proposals")

    def given(self) -> dict[str, Any]:
        part = Part(self.controlnet_class, Checkpoint(self.controlnet)) if self.controlnet else None
        return super().given() | ({"controlnet": part} if part else {})

    def __call__(self, records: Sequence[Record]) -> None:
        views = [self._view(record) for record in records]
        made = self.each_once(self._drawn, views, self._shape)
        for record, view, image in zip(records, views, made, strict=True):
            meta = {"prompt": view.prompt, "seed": view.seed}
            record.images[self.image] = self.photo(not_refused(image, record), record, meta)
        self.forget()

    def _view(self, record: Record) -> View:
        depth = record.images.get(self.of)
        if depth is None:
            raise ItemError(f"it has no images.{self.of}", record.item.id)
        proposed = record.found.get("proposals")
        scene = proposed.get("scene") if isinstance(proposed, Mapping) else None
        if not scene:
            raise ItemError("found.proposals has no scene", record.item.id)
        size = self.working_size(record)
        grey = resized(near_white(depth.image, depth.meta), size).convert("RGB")
        prompt = self.prompt.format(item=item_words(record), scene=str(scene).strip())
        return View(record.item.id, prompt, self.seed_for(record, 0), size, grey)

    @staticmethod
    def _shape(view: View) -> Hashable:
        return view.size

    def _drawn(self, views: Sequence[View]) -> list[Image | Refused]:
        return [self._one(view) for view in views]

    def _one(self, view: View) -> Image | Refused:
        """Pipelines that are made for depth call it control_image; those that look at pictures, image."""
        name = "control_image" if takes(self.loaded.pipe, "control_image") else "image"
        width, height = view.size
        given: dict[str, Any] = {"prompt": view.prompt, name: view.depth, "width": width, "height": height}
        if self.control is not None:
            given["controlnet_conditioning_scale"] = self.control
        found = self.answered([view.seed], given)
        return Refused() if refused(found, 1)[0] else found.images[0]

    def told(self) -> dict[str, Any]:
        further = {"controlnet": self.controlnet, "control": self.control}
        return super().told() | {name: value for name, value in further.items() if value is not None}
